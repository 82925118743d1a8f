SELECT count(*)::int
FROM (SELECT FROM sites LIMIT $1) AS found
