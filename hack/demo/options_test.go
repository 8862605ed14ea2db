package main

import (
	"net"
	"strconv"
	"strings"
	"testing"
)

func read(t *testing.T, args ...string) options {
	t.Helper()
	o, err := readOptions(args)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestPortsComeFromFlagThenEnvironmentThenStandard(t *testing.T) {
	t.Setenv("HOLDFAST_SHOP_PORT", "18088")
	t.Setenv("HOLDFAST_INBOX_PORT", "18025")
	got := read(t, "--inbox-port", "28025").ports
	want := ports{Public: 8080, Service: 8090, Probes: 8081, Metrics: 8443, Inbox: 28025, SMTP: 1025, Shop: 18088, OIDC: 9998, APIServer: 6443, Etcd: 2379}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAutoPortsAreFreeAndDifferent(t *testing.T) {
	o := read(t, "--ports", "auto")
	if err := o.ports.check(); err != nil {
		t.Error(err)
	}
}

func TestTakenPortIsNamedWithItsPurposeAndFlag(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	o := read(t, "--ports", "auto", "--shop-port", taken)
	err = o.ports.check()
	if err == nil {
		t.Fatal("a taken port was accepted")
	}
	for _, want := range []string{"nothing was started", taken, "the demo shop", "--shop-port", "HOLDFAST_SHOP_PORT"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q misses %q", err, want)
		}
	}
	twice := read(t, "--ports", "auto", "--shop-port", "18088", "--inbox-port", "18088")
	if err := twice.ports.check(); err == nil || !strings.Contains(err.Error(), "wanted by") {
		t.Errorf("one port for two: %v", err)
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"extra"}, {"--ports", "any"}, {"--smtp-port", "70000"}, {"--smtp-port", "-1"}} {
		if _, err := readOptions(args); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
	t.Setenv("HOLDFAST_SMTP_PORT", "mail")
	if _, err := readOptions(nil); err == nil || !strings.Contains(err.Error(), "HOLDFAST_SMTP_PORT") {
		t.Errorf("environment: %v", err)
	}
}

func TestOneDemoAFolder(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(dir); err == nil || !strings.Contains(err.Error(), "another demo") || !strings.Contains(err.Error(), "--run-dir") {
		t.Errorf("second demo: %v", err)
	}
	unlock()
	unlock, err = lock(dir)
	if err != nil {
		t.Fatalf("after the first stopped: %v", err)
	}
	unlock()
}
