package seal

import (
	"slices"
	"strings"
	"testing"
)

// turn takes an entry one step further, in place.
func turn(t *testing.T, k *Keys, entry string, step func(string, []byte) ([]byte, error)) {
	t.Helper()
	data := k.Marshal()
	var err error
	if data[entry], err = step(entry, data[entry]); err != nil {
		t.Fatal(err)
	}
	if changed, err := k.Replace(data); err != nil || !changed {
		t.Fatalf("Replace: %v, %v", changed, err)
	}
}

// promoted returns keys whose every entry was rotated, and the keys before.
func promoted(t *testing.T) (after, before *Keys) {
	t.Helper()
	before = generate(t)
	after, err := Parse(before.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		turn(t, after, entry, AddKey)
		turn(t, after, entry, PromoteKey)
	}
	return after, before
}

// A rotated keyset seals with the new key and opens what the old one sealed.
func TestRotationOpensOldData(t *testing.T) {
	after, before := promoted(t)
	old, err := before.Seal([]byte("+4915123456789"), "row")
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := before.SealTicket(claims())
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := after.Open(old, "row"); err != nil || string(plain) != "+4915123456789" {
		t.Fatalf("old data: %q, %v", plain, err)
	}
	if got, err := after.OpenTicket(ticket); err != nil || got != claims() {
		t.Fatalf("old ticket: %+v, %v", got, err)
	}
	fresh, err := after.Seal([]byte("+4915123456789"), "row")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := before.Open(fresh, "row"); err == nil {
		t.Fatal("the old keys open what the new one sealed: nothing was rotated")
	}
	if after.Current(old) || !after.Current(fresh) || !before.Current(old) {
		t.Fatal("who sealed what is told wrong")
	}
	for _, sealed := range [][]byte{nil, {1}, old[:4]} {
		if before.Current(sealed) {
			t.Errorf("%x counts as sealed", sealed)
		}
	}
	turn(t, after, EntryContacts, RetireKeys)
	if _, err := after.Open(old, "row"); err == nil {
		t.Fatal("a retired key still opens")
	}
}

// A key comes to every replica before it is used: one that is only added opens and
// finds what the others already seal and count with it, and changes nothing itself.
func TestAnAddedKeyIsNotUsedYet(t *testing.T) {
	staged := generate(t)
	before, err := Parse(staged.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		turn(t, staged, entry, AddKey)
	}
	ahead, err := Parse(staged.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		turn(t, ahead, entry, PromoteKey)
	}
	if staged.Lookup("shop", "a") != before.Lookup("shop", "a") || staged.CodeKey() != before.CodeKey() {
		t.Error("an added key is used before it is promoted")
	}
	sealed, err := ahead.Seal([]byte("x"), "row")
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := staged.Open(sealed, "row"); err != nil || string(plain) != "x" {
		t.Errorf("a replica that is behind reads %q, %v", plain, err)
	}
	c := challenge()
	c.CodeKey = ahead.CodeKey()
	if staged.Code(c) != ahead.Code(c) {
		t.Error("a replica that is behind derives another code")
	}
	if !slices.Contains(staged.FormerLookups("shop", "a"), ahead.Lookup("shop", "a")) {
		t.Error("a replica that is behind does not find what was counted ahead of it")
	}
}

// law 3: a rotation neither changes a code that is on its way nor lets two be right.
func TestRotationKeepsOpenCodes(t *testing.T) {
	after, before := promoted(t)
	c := challenge()
	c.CodeKey = before.CodeKey()
	if after.Code(c) != before.Code(c) {
		t.Error("the code of an open challenge changed")
	}
	unnamed := challenge() // of a version that named no key
	if after.Code(unnamed) != before.Code(unnamed) {
		t.Error("the code of a challenge that names no key changed")
	}
	c.Digits = 10
	fresh := c
	fresh.CodeKey = after.CodeKey()
	if fresh.CodeKey == c.CodeKey || after.Code(fresh) == after.Code(c) {
		t.Error("new challenges still use the former key")
	}
}

// law 3: what was counted under a former key is still found.
func TestRotationFindsFormerHashes(t *testing.T) {
	after, before := promoted(t)
	if before.Rotating() || !after.Rotating() {
		t.Error("Rotating is told wrong")
	}
	if got := before.FormerLookups("shop", "a"); got != nil {
		t.Errorf("one key has the former hashes %v", got)
	}
	old := before.Lookup("shop", "anna@example.com")
	if after.Lookup("shop", "anna@example.com") == old {
		t.Error("the hash is not rotated")
	}
	if got := after.FormerLookups("shop", "Anna@Example.com "); !slices.Equal(got, []string{old}) {
		t.Errorf("former hashes %v, want %v", got, old)
	}
	turn(t, after, EntryLookup, RetireKeys)
	turn(t, after, EntryContacts, RetireKeys)
	if after.Rotating() || after.FormerLookups("shop", "a") != nil {
		t.Error("a retired key is still in use")
	}
}

func TestReplaceKeepsWhatWorks(t *testing.T) {
	k := generate(t)
	before := k.Lookup("shop", "a")
	if changed, err := k.Replace(k.Marshal()); changed || err != nil {
		t.Errorf("the same data: %v, %v", changed, err)
	}
	damaged := k.Marshal()
	damaged[EntryLookup] = nil
	if changed, err := k.Replace(damaged); changed || err == nil {
		t.Errorf("damaged data: %v, %v", changed, err)
	}
	if k.Lookup("shop", "a") != before {
		t.Error("the keys changed all the same")
	}
}

func TestRotationRefusesWhatMakesNoSense(t *testing.T) {
	data := generate(t).Marshal()
	for name, err := range map[string]error{
		"nothing to promote": second(PromoteKey(EntryCodes, data[EntryCodes])),
		"nothing to retire":  second(RetireKeys(EntryCodes, data[EntryCodes])),
		"a missing entry":    second(AddKey(EntryCodes, nil)),
		"an unknown entry":   second(AddKey("passwords.json", data[EntryCodes])),
	} {
		if err == nil || leaks(err.Error(), string(data[EntryCodes])) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := second(AddKey("passwords.json", nil)); !strings.Contains(err.Error(), EntryLookup) {
		t.Errorf("the error does not say which entries there are: %v", err)
	}
}

func second(_ []byte, err error) error { return err }
