-- With the keys goes what keeps {SERIAL_RANDOM:n} from making numbers that were issued: after
-- another up such formats must begin anew, with another literal.
ALTER TABLE serial_formats DROP COLUMN permutation_key;
