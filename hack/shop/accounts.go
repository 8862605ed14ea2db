package shop

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// maxPassword is what bcrypt takes, in bytes.
const maxPassword = 72

// deedsKept is how long the IDs of applied webhooks are remembered.
const deedsKept = 7 * 24 * time.Hour

var (
	errUnknownAccount = errors.New("no such account")
	errSamePassword   = errors.New("the new password is the present one")
	errPasswordLength = fmt.Errorf("a password has 1 to %d bytes", maxPassword)
)

// Account is one customer.
type Account struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
	// Phone takes calls, and texts too unless it is a landline.
	Phone    string `json:"phone,omitempty"`
	Landline bool   `json:"landline,omitempty"`
	Hash     []byte `json:"hash"`
	// MustChange asks for a new password after the next sign-in.
	MustChange bool `json:"mustChange,omitempty"`
	// Changed says that the password is no longer the one of the demo.
	Changed bool `json:"changed,omitempty"`
}

// customers are the accounts of a fresh shop with the passwords that the sign-in page
// shows, so that everyone can try them. The numbers are kept for fiction.
var customers = []struct {
	id, name, password, phone string
	landline                  bool
}{
	{"alice", "Alice Liddell", "violet-harbor-copper-92", "+12025550101", false},
	{"ada", "Ada Lovelace", "amber-engine-willow-41", "+12025550102", true},
	{"grace", "Grace Hopper", "cobalt-moth-orchard-77", "+12025550103", false},
	{"linus", "Linus Pauling", "crimson-bond-meadow-58", "+12025550104", false},
}

// Passwords are those of a fresh shop's customers by account ID.
func Passwords() map[string]string {
	all := map[string]string{}
	for _, c := range customers {
		all[c.id] = c.password
	}
	return all
}

// Accounts keeps the customers in memory and in a file.
type Accounts struct {
	path string
	// stranger is compared for unknown names, so that they take as long as known ones.
	stranger []byte

	mu    sync.Mutex
	state state
}

type state struct {
	Accounts map[string]Account `json:"accounts"`
	// Deeds are the webhooks that were applied, with the time.
	Deeds map[string]time.Time `json:"deeds"`
}

// OpenAccounts reads the file; where there is none a fresh shop opens. cost is the
// bcrypt cost of new passwords.
func OpenAccounts(path string, cost int) (*Accounts, error) {
	stranger, err := bcrypt.GenerateFromPassword([]byte("nobody's"), cost)
	if err != nil {
		return nil, fmt.Errorf("hash password: %w", err)
	}
	a := &Accounts{path: path, stranger: stranger}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return a, a.open(cost)
	}
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	if err := json.Unmarshal(content, &a.state); err != nil {
		return nil, fmt.Errorf("read accounts from %s (delete it to start anew): %w", path, err)
	}
	return a, nil
}

func (a *Accounts) open(cost int) error {
	a.state = state{Accounts: map[string]Account{}, Deeds: map[string]time.Time{}}
	for _, c := range customers {
		hash, err := bcrypt.GenerateFromPassword([]byte(c.password), cost)
		if err != nil {
			return fmt.Errorf("hash password of %s: %w", c.id, err)
		}
		a.state.Accounts[c.id] = Account{
			ID: c.id, Name: c.name, Email: c.id + "@example.test", Phone: c.phone, Landline: c.landline, Hash: hash,
		}
	}
	return a.save()
}

// save replaces the file as a whole, so that a crash leaves the old one.
func (a *Accounts) save() error {
	content, err := json.MarshalIndent(a.state, "", "  ")
	if err != nil {
		return fmt.Errorf("encode accounts: %w", err)
	}
	if err := os.WriteFile(a.path+".new", content, 0o600); err != nil {
		return fmt.Errorf("write accounts: %w", err)
	}
	if err := os.Rename(a.path+".new", a.path); err != nil {
		return fmt.Errorf("write accounts: %w", err)
	}
	return nil
}

// All lists the accounts by ID.
func (a *Accounts) All() []Account {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]Account, 0, len(a.state.Accounts))
	for _, account := range a.state.Accounts {
		all = append(all, account)
	}
	slices.SortFunc(all, func(x, y Account) int { return strings.Compare(x.ID, y.ID) })
	return all
}

// Get finds an account.
func (a *Accounts) Get(id string) (Account, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	account, ok := a.state.Accounts[id]
	return account, ok
}

// Check finds the account of a name and its password.
func (a *Accounts) Check(id, password string) (Account, bool) {
	account, known := a.Get(id)
	hash := account.Hash
	if !known {
		hash = a.stranger
	}
	right := bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil
	return account, known && right
}

// Change is one thing that happens to an account.
type Change func(*Account) error

// SetPassword takes a new password.
func SetPassword(password string) Change {
	return func(account *Account) error {
		if password == "" || len(password) > maxPassword {
			return errPasswordLength
		}
		if bcrypt.CompareHashAndPassword(account.Hash, []byte(password)) == nil {
			return errSamePassword
		}
		cost, err := bcrypt.Cost(account.Hash)
		if err != nil {
			return fmt.Errorf("read hash of %s: %w", account.ID, err)
		}
		account.Hash, err = bcrypt.GenerateFromPassword([]byte(password), cost)
		account.Changed, account.MustChange = true, false
		return err
	}
}

// RequireChange asks for a new password after the next sign-in.
func RequireChange(account *Account) error {
	account.MustChange = true
	return nil
}

// Apply changes an account. A deed is the ID under which a change is done once, however
// often it is asked for; done says whether it was done now.
func (a *Accounts) Apply(id, deed string, change Change, now time.Time) (done bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, before := a.state.Deeds[deed]; before {
		return false, nil
	}
	account, ok := a.state.Accounts[id]
	if !ok {
		return false, errUnknownAccount
	}
	if err := change(&account); err != nil {
		return false, err
	}
	a.state.Accounts[id] = account
	a.state.Deeds[deed] = now
	for old, at := range a.state.Deeds {
		if now.Sub(at) > deedsKept {
			delete(a.state.Deeds, old)
		}
	}
	return true, a.save()
}
