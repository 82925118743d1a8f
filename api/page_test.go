package api

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/machshop/seriald/store"
)

// ascending is a list of numbers, counted only if need be.
type ascending struct {
	all     []int
	counted int
}

func (a *ascending) rows() rows[int, int] {
	return rows[int, int]{
		read: func(_ context.Context, after, limit int) ([]int, error) {
			from := sort.SearchInts(a.all, after+1)
			return slices.Clone(a.all[from:min(from+limit, len(a.all))]), nil
		},
		count: func(_ context.Context, most int) (int, error) {
			a.counted++
			return min(len(a.all), most), nil
		},
		place: func(n *int) int { return *n },
	}
}

// Whoever goes on at cursors gets each row that was there at the beginning once, in order,
// whatever is added on the way; whoever goes on at offsets gets all of a list that stays.
func TestPages(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := &ascending{all: rapid.SliceOfNDistinct(rapid.IntRange(1, 1000), 0, 40, rapid.ID[int]).Draw(t, "rows")}
		slices.Sort(list.all)
		limit := rapid.IntRange(1, 12).Draw(t, "limit")
		walk := func(next func(in *PageParams, page *listBody[int]), between func()) (got []int) {
			for in := (PageParams{Limit: limit}); ; {
				out, err := page(context.Background(), &in, list.rows(), same)
				if err != nil {
					t.Fatal(err)
				}
				p := &out.Body
				if p.Total != len(list.all) || p.Limit != limit || p.Offset != in.Offset || p.MoreThan {
					t.Fatalf("%d of %d rows, said to be %+v", len(p.Data), len(list.all), p)
				}
				if got = append(got, p.Data...); p.NextCursor == "" {
					return got
				}
				next(&in, p)
				between()
			}
		}
		began := slices.Clone(list.all)
		if got := walk(func(in *PageParams, _ *listBody[int]) { in.Offset += limit }, func() {}); !slices.Equal(got, began) {
			t.Fatalf("by offset %v, want %v", got, began)
		}
		got := walk(func(in *PageParams, p *listBody[int]) { in.Cursor = p.NextCursor }, func() {
			if n := rapid.IntRange(1, 1000).Draw(t, "added"); !slices.Contains(list.all, n) {
				list.all = append(list.all, n)
				slices.Sort(list.all)
			}
		})
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("by cursor %v: not in order, or twice", got)
		}
		for _, n := range began {
			if !slices.Contains(got, n) {
				t.Fatalf("by cursor %v: %d is missing", got, n)
			}
		}
	})
}

func TestPageBounds(t *testing.T) {
	t.Parallel()
	long := &ascending{}
	for i := range mostCounted + 100 {
		long.all = append(long.all, i+1)
	}
	short := &ascending{all: []int{1, 2, 3}}
	for name, tt := range map[string]struct {
		list    *ascending
		in      PageParams
		want    listBody[int]
		counted int
	}{
		"one page needs no count":  {short, PageParams{Limit: 3}, listBody[int]{Data: []int{1, 2, 3}, Total: 3, Limit: 3}, 0},
		"nor does the last one":    {short, PageParams{Limit: 2, Offset: 2}, listBody[int]{Data: []int{3}, Total: 3, Limit: 2, Offset: 2}, 0},
		"beyond the end":           {short, PageParams{Limit: 2, Offset: 7}, listBody[int]{Data: []int{}, Total: 3, Limit: 2, Offset: 7}, 0},
		"more than is counted":     {long, PageParams{Limit: 1}, listBody[int]{Data: []int{1}, Total: mostCounted, MoreThan: true, Limit: 1, NextCursor: encodeCursor(1)}, 1},
		"as far as an offset goes": {long, PageParams{Limit: 1, Offset: 10_000}, listBody[int]{Data: []int{10_001}, Total: mostCounted, MoreThan: true, Limit: 1, Offset: 10_000, NextCursor: encodeCursor(10_001)}, 1},
	} {
		list := &ascending{all: tt.list.all}
		out, err := page(t.Context(), &tt.in, list.rows(), same)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(tt.want, out.Body); diff != "" || list.counted != tt.counted {
			t.Errorf("%s: counted %d times (-want +got):\n%s", name, list.counted, diff)
		}
	}
}

func TestPageRefused(t *testing.T) {
	t.Parallel()
	list := (&ascending{all: []int{1, 2, 3}}).rows()
	away, broad := list, list
	away.count = func(context.Context, int) (int, error) { return 0, store.ErrUnavailable }
	broad.read = func(context.Context, int, int) ([]int, error) { return nil, store.ErrTooBroad }
	broad.unread = func(err error) error { return invalidField("x", "%v", err) }
	for name, tt := range map[string]struct {
		list rows[int, int]
		in   PageParams
		want string
	}{
		"no cursor":            {list, PageParams{Limit: 1, Cursor: "%"}, "cursor must be the nextCursor of the page before"},
		"of another list":      {list, PageParams{Limit: 1, Cursor: encodeCursor("a")}, "cursor must be the nextCursor of the page before"},
		"cursor and offset":    {list, PageParams{Limit: 1, Cursor: encodeCursor(1), Offset: 1}, "offset is of no use beside a cursor"},
		"not counted":          {away, PageParams{Limit: 1}, "the database can't be reached"},
		"with an error of its": {broad, PageParams{Limit: 1}, "x " + store.ErrTooBroad.Error()},
	} {
		_, err := page(t.Context(), &tt.in, tt.list, same)
		if p, ok := errors.AsType[*Problem](err); !ok || !strings.Contains(p.Detail, tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// Every list takes the same parameters, and no other reads a page its own way.
func TestEveryListHasPages(t *testing.T) {
	t.Parallel()
	up := serve(t, Config{Host: "127.0.0.1"}, dependencies(nil, StateConnected, StateConnected, StateDisabled))
	for _, list := range []string{
		"/api/v1/devices", prefix + "/serials", prefix + "/vendor/part/PART-002", prefix + "/system-generated/part/PART-001",
		prefix + "/late-assignment/pending", prefix + "/propagation/history/PART-001", prefix + "/uniqueness/conflicts/pending",
		prefix + "/uniqueness/conflicts/history", prefix + "/audit/events", prefix + "/dead-letters", prefix + "/sites",
		prefix + "/parts", prefix + "/formats",
	} {
		for query, want := range map[string]string{
			"limit=1&offset=10000":             `"offset":10000`,
			"offset=10001":                     `{"field":"offset","message":"expected number <= 10000"}`,
			"cursor=" + url.QueryEscape("%"):   `{"field":"cursor"`,
			"limit=501":                        `{"field":"limit"`,
			"limit=1&offset=1&cursor=" + "e30": `"code":"VALIDATION_ERROR"`,
		} {
			if _, body := send(t, "supervisor", "GET", up+list+"?"+query, ""); !strings.Contains(body, want) {
				t.Errorf("%s?%s: %s, want %s", list, query, body, want)
			}
		}
	}
}
