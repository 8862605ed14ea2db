package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"holdfast.dev/holdfast/hack/shop"
)

const (
	// clientSecret is what the issuer expects of the client in policy.yaml. Both are the
	// example server's own, and open to none but this machine's redirect URI.
	clientSecret = "secret"
	// guest is the account that the summary signs in with.
	guest = "grace"
)

// issuerUser is an account as the issuer's file lists it.
type issuerUser struct {
	ID, Username, Password string
}

// startIssuer runs the OpenID Connect provider, at which the shop's customers sign in to
// their security info without the shop.
func (d *demo) startIssuer(ctx context.Context) error {
	users, err := d.writeIssuerUsers()
	if err != nil {
		return err
	}
	// It takes the port at every address, not at 127.0.0.1 alone, and keeps to itself why
	// it cannot.
	free, err := net.Listen("tcp", ":"+strconv.Itoa(d.ports.OIDC))
	if err != nil {
		return fmt.Errorf("the OpenID Connect provider cannot have its port at every address of this machine; set --oidc-port: %w", err)
	}
	if err := free.Close(); err != nil {
		return err
	}
	command := exec.Command(filepath.Join(d.root, "bin", "oidc-provider"))
	command.Env = append(os.Environ(),
		"PORT="+strconv.Itoa(d.ports.OIDC), "USERS_FILE="+users, "REDIRECT_URI="+web(d.ports.Public)+"/security-info/callback")
	if err := d.startProcess("oidc-provider", command); err != nil {
		return err
	}
	return waitHTTP(ctx, "the OpenID Connect provider", d.issuer()+".well-known/openid-configuration")
}

// issuer is what the provider calls itself, to the last character.
func (d *demo) issuer() string { return web(d.ports.OIDC) + "/" }

// writeIssuerUsers lists the customers of a fresh shop. What they change at the shop later
// the issuer, which reads passwords at its start only, does not learn.
func (d *demo) writeIssuerUsers() (path string, err error) {
	users := map[string]issuerUser{}
	for id, password := range shop.Passwords() {
		users[id] = issuerUser{ID: id, Username: id, Password: password}
	}
	content, err := json.MarshalIndent(users, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode users of the OpenID Connect provider: %w", err)
	}
	path = d.path("oidc-users.json")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return "", fmt.Errorf("write users of the OpenID Connect provider: %w", err)
	}
	return path, nil
}
