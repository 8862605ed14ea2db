package rules

// maxAccount bounds an account's ID, in bytes.
const maxAccount = 255

// Nameable reports whether an account's ID can stand in an object: visible ASCII without a
// star. What was recorded for another would wait for its object for ever, so none begins.
func Nameable(account string) bool {
	if account == "" || len(account) > maxAccount {
		return false
	}
	for _, c := range []byte(account) {
		if c < '!' || c > '~' || c == '*' {
			return false
		}
	}
	return true
}
