package block

import (
	"time"

	"holdfast.dev/holdfast/internal/rules/message"
)

// Release is everything that one transaction needs to release a block.
type Release struct {
	Key     Key
	FlowID  string
	Notices []message.Message
	Now     time.Time
}
