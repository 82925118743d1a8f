INSERT INTO users (name, password_hash, role)
VALUES ($1, $2, $3)
ON CONFLICT (name) DO NOTHING
