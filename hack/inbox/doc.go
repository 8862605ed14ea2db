// Package inbox is a real SMTP server that keeps every message it is given, and a
// page that shows them: the mailbox of everyone who lives in the demo.
package inbox
