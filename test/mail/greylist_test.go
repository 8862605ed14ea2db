package mail_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
)

// greylist is a policy service as Postfix asks one before it takes a recipient
// (SMTPD_POLICY_README): it tells listed recipients to come again later.
type greylist struct {
	listener net.Listener
	listed   sync.Map
}

func newGreylist() (*greylist, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the policy service: %w", err)
	}
	g := &greylist{listener: listener}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go g.serve(conn)
		}
	}()
	return g, nil
}

// serve reads requests of name=value lines that end with an empty one.
func (g *greylist) serve(conn net.Conn) {
	defer conn.Close()
	action := "DUNNO"
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if recipient, ok := strings.CutPrefix(lines.Text(), "recipient="); ok {
			if _, listed := g.listed.Load(recipient); listed {
				action = "451 4.7.1 Greylisted, please come again later"
			}
		}
		if lines.Text() == "" {
			fmt.Fprintf(conn, "action=%s\n\n", action)
			action = "DUNNO"
		}
	}
}
