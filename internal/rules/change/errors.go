package change

import "errors"

// The errors of changes.
var (
	// ErrEnded: the change was applied, cancelled, rejected or has expired.
	ErrEnded = errors.New("the change of security info has already ended")
	// ErrEarly: the hold runs on.
	ErrEarly = errors.New("the hold has not ended yet")
	// ErrContested: another replacement of the account is open, and nobody has reviewed
	// which one is right.
	ErrContested = errors.New("another replacement of this account is open: cancel one, or have one reviewed")
	// ErrNotFull: the contact is not one of the snapshot that may do this.
	ErrNotFull = errors.New("this contact cannot do that: use one that was full before the change")
	// ErrFirstFactor: this contact has cancelled before; now it takes the password too.
	ErrFirstFactor = errors.New("this contact has cancelled a change before: sign in with the password first")
	// ErrProof: the code was not accepted, is not for this change, or is too old.
	ErrProof = errors.New("this code does not serve this change")
	// ErrClockSkew: the clocks differ by more than 30 s.
	ErrClockSkew = errors.New("the clocks of Holdfast, the apiserver and the database differ by more than 30 s")
)
