SELECT role, disabled
FROM users
WHERE name = $1
FOR UPDATE
