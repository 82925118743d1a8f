package pattern

import "errors"

// Preview returns what v makes of count values of a counter from start on, fewer if
// the counter comes to its end. No number is used: {SERIAL_RANDOM:n} is shown under a
// key made up with v.Random, so with other numbers than it will make.
func (p *Pattern) Preview(v *Values, start, increment int64, count int) ([]string, error) {
	if size := p.Permuted(); size > 0 && v.Permutation == nil {
		key := make([]byte, 32)
		v.Random(key)
		var err error
		if v.Permutation, err = NewPermutation(key, nil, size); err != nil {
			return nil, err
		}
	}
	var numbers []string
	for i := range int64(count) {
		v.Seq = start + i*increment
		number, err := p.Render(v)
		if errors.Is(err, ErrExhausted) {
			break
		}
		if err != nil {
			return numbers, err
		}
		numbers = append(numbers, number)
	}
	return numbers, nil
}
