// Package inbox takes messages as every kind of provider does (an SMTP server, a
// receiver of webhooks, Twilio's API), keeps them, and shows them on a page: the mailbox
// and the phone of everyone who lives in the demo.
package inbox
