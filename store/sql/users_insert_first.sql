INSERT INTO users (name, password_hash, role)
SELECT $1, $2, $3
WHERE NOT EXISTS (SELECT FROM users)
ON CONFLICT (name) DO NOTHING
