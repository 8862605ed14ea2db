// Command holdfast may do everything here.
package main

import (
	"fmt"
	"os"
	"time"

	_ "holdfast.dev/holdfast/controllers"
	_ "holdfast.dev/holdfast/internal/courier"
)

func main() {
	fmt.Println(os.Getenv("HOME"), time.Now())
}
