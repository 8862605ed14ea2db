package mail_test

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"text/template"

	"k8s.io/client-go/util/cert"
)

const (
	domain   = "customer.example"
	username = "holdfast"
	password = "correct horse"
)

// mailboxes exist at domain, one for each test, so that tests do not see each other's mail.
var mailboxes = []string{"submission", "smtps", "rotated", "code-submission", "code-smtps", "greylisted", "outage"}

//go:embed testdata
var testdata embed.FS

// mailServer is Postfix and Dovecot with all that is theirs in one folder. Its
// exported fields fill in testdata.
type mailServer struct {
	Dir, Domain, Greylist                string
	STARTTLSPort, ImplicitPort, SASLPort string
	UID, GID                             string
	Mailboxes                            []string

	postfix, dovecot string
	// starting is held while Postfix starts, and for good from the end on.
	starting sync.Mutex
	// ca is the authority of the server's certificate, PEM.
	ca       []byte
	greylist *greylist
}

func newMailServer(dir string) (*mailServer, error) {
	s := &mailServer{Dir: dir, Domain: domain, Mailboxes: mailboxes}
	if os.Geteuid() != 0 {
		return nil, errors.New("Postfix starts as root only: run the mail tests as root")
	}
	owner, err := user.Lookup("mail")
	if err != nil {
		return nil, fmt.Errorf("who owns mail: %w", err)
	}
	s.UID, s.GID = owner.Uid, owner.Gid
	for program, path := range map[string]*string{"postfix": &s.postfix, "dovecot": &s.dovecot} {
		if *path, err = find(program); err != nil {
			return nil, err
		}
	}
	if err := choosePorts(&s.STARTTLSPort, &s.ImplicitPort, &s.SASLPort); err != nil {
		return nil, err
	}
	if s.greylist, err = newGreylist(); err != nil {
		return nil, err
	}
	s.Greylist = s.greylist.listener.Addr().String()
	return s, s.writeFiles()
}

// find looks where administrators' programs are, too.
func find(program string) (string, error) {
	for _, name := range []string{program, "/usr/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: run hack/setup-mail.sh", program)
}

func choosePorts(ports ...*string) error {
	for _, port := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("choose a port: %w", err)
		}
		defer listener.Close() // when all are chosen
		_, *port, _ = net.SplitHostPort(listener.Addr().String())
	}
	return nil
}

func (s *mailServer) writeFiles() error {
	uid, _ := strconv.Atoi(s.UID)
	gid, _ := strconv.Atoi(s.GID)
	mail := filepath.Join(s.Dir, "mail")
	errs := []error{os.Chmod(s.Dir, 0o755), os.Mkdir(mail, 0o755), os.Chown(mail, uid, gid)}
	for _, folder := range []string{"postfix", "queue", "dovecot"} {
		errs = append(errs, os.Mkdir(filepath.Join(s.Dir, folder), 0o755))
	}
	chain, key, err := cert.GenerateSelfSignedCertKey("localhost", nil, nil)
	s.ca = chain
	errs = append(errs, err,
		os.WriteFile(filepath.Join(s.Dir, "tls.pem"), append(key, chain...), 0o600),
		os.WriteFile(filepath.Join(s.Dir, "users"), []byte(username+":"+password+"\n"), 0o644))
	configs := template.Must(template.ParseFS(testdata, "testdata/*"))
	for _, config := range configs.Templates() {
		path := filepath.Join(s.postfixConfig(), config.Name())
		if config.Name() == "dovecot.conf" {
			path = s.dovecotConfig()
		}
		file, err := os.Create(path)
		errs = append(errs, err, config.Execute(file, s), file.Close())
	}
	return errors.Join(errs...)
}

func (s *mailServer) dovecotConfig() string { return filepath.Join(s.Dir, "dovecot.conf") }

// postfixConfig is the folder that Postfix wants for its configuration alone.
func (s *mailServer) postfixConfig() string { return filepath.Join(s.Dir, "postfix") }

func (s *mailServer) start() error {
	if err := s.command(s.dovecot, "-c", s.dovecotConfig()); err != nil {
		return err
	}
	return s.startPostfix()
}

// stop is the end: nothing starts any more, and a second call waits for ever.
func (s *mailServer) stop() error {
	s.starting.Lock()
	return errors.Join(
		s.stopPostfix(),
		s.command(s.dovecot, "-c", s.dovecotConfig(), "stop"),
		s.greylist.listener.Close(),
	)
}

// startPostfix returns when it listens.
func (s *mailServer) startPostfix() error {
	s.starting.Lock()
	defer s.starting.Unlock()
	return s.command(s.postfix, "-c", s.postfixConfig(), "start")
}

// stopPostfix returns when all its processes have ended.
func (s *mailServer) stopPostfix() error {
	return s.command(s.postfix, "-c", s.postfixConfig(), "stop")
}

// whileStopped starts Postfix again even where the test fails.
func (s *mailServer) whileStopped(t *testing.T, do func()) {
	t.Helper()
	if err := s.stopPostfix(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.startPostfix(); err != nil {
			t.Fatal(err)
		}
	}()
	do()
}

// command runs a program that may leave a daemon behind, which would hold a pipe open.
func (s *mailServer) command(program string, args ...string) error {
	output, err := os.CreateTemp(s.Dir, "output")
	if err != nil {
		return err
	}
	defer output.Close()
	command := exec.Command(program, args...)
	command.Stdout, command.Stderr = output, output
	if err := command.Run(); err != nil {
		said, _ := os.ReadFile(output.Name())
		return fmt.Errorf("%s: %w\n%s", command, err, said)
	}
	return nil
}

func (s *mailServer) printLogs(w io.Writer) {
	for _, name := range []string{"postfix.log", "dovecot.log"} {
		log, err := os.ReadFile(filepath.Join(s.Dir, name))
		fmt.Fprintf(w, "%s: %v\n%s", name, err, log)
	}
}
