package store

import "github.com/machshop/seriald"

// SerialsListArgs are the parameters of serials_list.sql, each time that it is sent.
func SerialsListArgs(f *SerialFilter, limit int) [][]any {
	var all [][]any
	for _, source := range f.sources() {
		all = append(all, f.args(source, seriald.ID{}, limit))
	}
	return all
}
