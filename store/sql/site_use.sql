-- Serials have no index on their site; where there are any the first rows show one.
SELECT EXISTS (SELECT FROM serials WHERE site_id = $1), EXISTS (SELECT FROM late_assignment_placeholders WHERE site_id = $1)
