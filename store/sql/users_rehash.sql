-- Not if the password was changed meanwhile.
UPDATE users SET password_hash = $3
WHERE name = $1
    AND password_hash = $2
