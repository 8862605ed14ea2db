// Package ticket holds the claims of a ticket: what a decision hands to the person so
// that only they can start to lift their block, or see their security info.
package ticket

import (
	"errors"
	"time"

	"holdfast.dev/holdfast/internal/rules/block"
	"holdfast.dev/holdfast/internal/rules/code"
)

// Life is how long an unused ticket is good for.
const Life = 5 * time.Minute

// Claims is what a ticket says. It is for one issuer, tenant, account, block,
// purpose and host; one for security info names no block.
type Claims struct {
	ID      string       `json:"jti"`
	Issuer  string       `json:"iss"`
	Tenant  string       `json:"tnt"`
	Account string       `json:"sub"`
	Block   string       `json:"blk,omitempty"`
	Purpose code.Purpose `json:"pur"`
	Host    string       `json:"hst"`
	// Epoch voids tickets made before the store was restored.
	Epoch int64 `json:"epo"`
	// Device is the one that the IdP named, if any, for a ticket to security info.
	Device block.Device `json:"dev,omitzero"`
	// Way is where the person signs in, for what a browser carries there and back.
	Way string `json:"way,omitempty"`
	// Expires is in Unix milliseconds.
	Expires int64 `json:"exp"`
}

// ErrInvalid says that a ticket is no use here: forged, expired, or for another
// issuer, tenant, host or purpose. It does not say which.
var ErrInvalid = errors.New("this link is not valid here or has expired")

// Audience is the place and purpose at which a ticket is presented.
type Audience struct {
	Issuer  string
	Tenant  string
	Host    string
	Purpose code.Purpose
	Epoch   int64
}

// Check refuses a ticket that is expired or meant for another audience.
func (c Claims) Check(at Audience, now time.Time) error {
	if c.Issuer != at.Issuer || c.Tenant != at.Tenant || c.Host != at.Host ||
		c.Purpose != at.Purpose || c.Epoch != at.Epoch || now.UnixMilli() >= c.Expires {
		return ErrInvalid
	}
	return nil
}
