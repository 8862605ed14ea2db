package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// ErrMissing says that no PostgreSQL is installed.
var ErrMissing = errors.New("PostgreSQL is not installed: run hack/setup-postgres.sh, or install the package 'postgresql'")

// find looks for a program in PATH and where Debian puts PostgreSQL, the newest first.
func find(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		// The other programs lie beside it, not beside a link to it.
		return filepath.EvalSymlinks(path)
	}
	installed, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
	if err != nil || len(installed) == 0 {
		return "", ErrMissing
	}
	return slices.MaxFunc(installed, func(a, b string) int { return version(a) - version(b) }), nil
}

// version is the number in /usr/lib/postgresql/NUMBER/bin/PROGRAM.
func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // 0: the oldest
	return n
}

// unprivileged gives a directory to the user as whom the server is to run: PostgreSQL
// refuses root. It returns nil for any other user, who runs it as himself.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	someone, err := user.Lookup("postgres")
	if err != nil {
		someone, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("find a user for PostgreSQL, which refuses root: %w", err)
	}
	uid, uidErr := strconv.ParseUint(someone.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(someone.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr, os.Chown(dir, int(uid), int(gid))); err != nil {
		return nil, fmt.Errorf("give PostgreSQL's directory to %s: %w", someone.Username, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (s *Server) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // G204: the program was found where it is installed
	cmd.Dir, cmd.Env = s.dir, []string{"LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.who}
	return cmd
}
