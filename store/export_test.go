package store

import "github.com/machshop/seriald"

// SerialsList has the statements of [DB.Serials] for f, with their parameters.
func SerialsList(f *SerialFilter, limit int) map[string][]any {
	all := map[string][]any{}
	for _, source := range f.sources() {
		all[sqlSerialsListOf[source]] = f.args(seriald.ID{}, limit)
	}
	return all
}
