package auth

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

const good = "correct horse battery"

// Vectors of the reference implementation (phc-winner-argon2, src/test.c).
func TestPHCVectors(t *testing.T) {
	t.Parallel()
	h := newHasher(cheap)
	for _, hash := range []string{
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
	} {
		p, salt, key, err := parsePHC(hash)
		if err != nil {
			t.Fatal(err)
		}
		if again := phc(p, salt, key); again != hash {
			t.Errorf("%s is written as %s", hash, again)
		}
		for password, want := range map[string]bool{"password": true, "Password": false, "": false} {
			if got, outdated, err := h.Compare(t.Context(), hash, password); got != want || want && !outdated || err != nil {
				t.Errorf("%s of %q: %t, outdated %t, %v", hash, password, got, outdated, err)
			}
		}
	}
}

func TestPHCThatIsNone(t *testing.T) {
	t.Parallel()
	const salt, key = "c29tZXNhbHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for _, hash := range []string{
		" ", "$", "$2y$10$abc", "argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key,
		"$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + key, "$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + key,
		"$argon2id$m=64,t=1,p=1$" + salt + "$" + key, "$argon2id$v=19$t=1,m=64,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=1,x=1$" + salt + "$" + key, "$argon2id$v=19$m=064,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=4194304,t=1,p=1$" + salt + "$" + key, "$argon2id$v=19$m=4294967360,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=-64,t=1,p=1$" + salt + "$" + key, "$argon2id$v=19$m=64,t=1000,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=0,p=1$" + salt + "$" + key, "$argon2id$v=19$m=64,t=1,p=0$" + salt + "$" + key, "$argon2id$v=19$m=64,t=1,p=17$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=1$$" + key, "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$", "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key + "=",
		"$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key + "$",
	} {
		if matches, _, err := NewHasher().Compare(t.Context(), hash, good); matches || !errors.Is(err, errHash) {
			t.Errorf("%s: %t, %v", hash, matches, err)
		}
	}
}

func TestHashAndCompare(t *testing.T) {
	t.Parallel()
	h := newHasher(cheap)
	for name, tt := range map[string]struct {
		password, tried string
		want            bool
	}{
		"the same":              {good, good, true},
		"another":               {good, good + " ", false},
		"case":                  {good, strings.ToUpper(good), false},
		"composed otherwise":    {"schlüsselbrett", "schlu\u0308sselbrett", true},
		"another space":         {good, strings.ReplaceAll(good, " ", "\u00a0"), true},
		"none":                  {good, "", false},
		"not UTF-8":             {good, "\xff" + good, false},
		"too long to be anyone": {good, strings.Repeat("x", MaxPassword+1), false},
	} {
		hash, err := h.Hash(t.Context(), tt.password)
		if err != nil {
			t.Fatal(err)
		}
		if got, outdated, err := h.Compare(t.Context(), hash, tt.tried); got != tt.want || outdated || err != nil {
			t.Errorf("%s: %t, outdated %t, %v; want %t", name, got, outdated, err, tt.want)
		}
	}
	one, _ := h.Hash(t.Context(), good)
	if two, _ := h.Hash(t.Context(), good); one == two {
		t.Error("two hashes of one password are the same: no salt")
	}
}

func TestPasswordsThatAreRefused(t *testing.T) {
	t.Parallel()
	for password, says := range map[string]string{
		"": "too short", "elevenchars": "at least 12", "äöüäöüäöüäö": "at least 12", strings.Repeat("u\u0308", 6): "at least 12",
		strings.Repeat("x", MaxPassword+1): "too long", "with a\tcontrol": "control characters", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff": "UTF-8",
	} {
		if err := CheckPassword(password); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", password, err, says)
		}
		if _, err := newHasher(cheap).Hash(t.Context(), password); err == nil {
			t.Errorf("%q is hashed", password)
		}
	}
	for _, password := range []string{good, "äöüäöüäöüäöü", strings.Repeat("x", MaxPassword)} {
		if err := CheckPassword(password); err != nil {
			t.Errorf("%q: %v", password, err)
		}
	}
}

// Nobody's password costs what somebody's does.
func TestDummyHashCostsTheSame(t *testing.T) {
	t.Parallel()
	h := NewHasher()
	p, salt, key, err := parsePHC(h.dummy)
	if err != nil || p != current || len(salt) != saltBytes || len(key) != keyBytes {
		t.Errorf("the dummy is %s, %v", h.dummy, err)
	}
	if matches, outdated, err := h.Compare(t.Context(), "", good); matches || outdated || err != nil {
		t.Errorf("nobody's password: %t, %t, %v", matches, outdated, err)
	}
}

// Those that can't have their turn in time are sent away; nothing hashes beside those
// that do.
func TestHashingWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(cheap)
		for range hashesAtOnce {
			h.slots <- struct{}{}
		}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if _, _, err := h.Compare(t.Context(), "", good); !errors.Is(err, ErrUnavailable) {
					t.Errorf("without a turn: %v", err)
				}
			})
		}
		wg.Wait()
		<-h.slots
		if _, err := h.Hash(t.Context(), good); err != nil {
			t.Errorf("with a turn: %v", err)
		}
		if n := len(h.slots); n != hashesAtOnce-1 {
			t.Errorf("%d turns are taken", n)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	for name, p := range map[string]params{"current": current, "RFC 9106 second": {memory: 64 * 1024, time: 3, threads: 4}} {
		b.Run(fmt.Sprint(name), func(b *testing.B) {
			h := newHasher(p)
			for b.Loop() {
				if _, err := h.Hash(b.Context(), good); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
