package sqlite

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrInUse says that another process has the store open.
var ErrInUse = errors.New("the store is in use by another process")

// lock takes the file for this process alone until the returned function is
// called. The kernel frees it when the process dies, however it dies.
func lock(path string) (release func() error, err error) {
	file, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // G304: the operator names the path
	if err != nil {
		return nil, fmt.Errorf("lock the store: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s; SQLite serves one replica: stop the other one, or use PostgreSQL", ErrInUse, path)
		}
		return nil, fmt.Errorf("lock the store %s: %w", path, err)
	}
	return file.Close, nil
}
