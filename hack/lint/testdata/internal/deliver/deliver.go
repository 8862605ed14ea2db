// Package deliver uses what is banned.
package deliver

import (
	"fmt"
	"net/http"
	"os"
	"time"
)

// Client is the process-wide client without a timeout.
var Client = http.DefaultClient // want forbidigo: build a client

// Timer makes a timer of the real clock.
func Timer() *time.Timer {
	fmt.Println(os.Getenv("HOME")) // want forbidigo: log and configuration
	return time.NewTimer(0)        // want forbidigo: injected clock
}
