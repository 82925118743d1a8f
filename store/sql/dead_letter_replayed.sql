UPDATE dead_letters
SET replayed_at = $2
WHERE id = $1
