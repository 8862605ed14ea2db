package change

import "testing"

func TestOwnNames(t *testing.T) {
	name := OwnName("a-1", "flow", "r")
	if !(Key{"shop", name}).Own() || (Key{"shop", "by-yaml"}).Own() {
		t.Error("a change of the pages is not told by its name")
	}
	if name != OwnName("a-1", "flow", "r") {
		t.Error("a retry has another name")
	}
	for _, other := range []string{OwnName("a-2", "flow", "r"), OwnName("a-1", "flow2", "r"), OwnName("a-1", "flow", "r2"), OwnName(`a-1" "flow`, "", "r")} {
		if other == name {
			t.Errorf("another change has the same name %s", name)
		}
	}
}
