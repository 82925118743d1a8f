SELECT EXISTS (SELECT FROM serials WHERE part_id = $1), EXISTS (SELECT FROM late_assignment_placeholders WHERE part_id = $1)
