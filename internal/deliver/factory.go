package deliver

import "fmt"

// kind is how one type of provider is validated and opened.
type kind struct {
	validate func(data map[string][]byte) error
	// open is called with data that validate has passed.
	open func(data map[string][]byte, allow Endpoints, options Options) (Sender, error)
	// receipt reads what the provider tells of its messages; nil where it tells nothing.
	receipt reader
	// lines says that its Senders can look numbers up (looker).
	lines bool
}

// kinds are the types of providers that this version knows.
var kinds = map[string]kind{
	"SMTP":    {validate: validateSMTP, open: openSMTP},
	"Twilio":  {validate: validateTwilio, open: openTwilio, receipt: readTwilio, lines: true},
	"Webhook": {validate: validateWebhook, open: openWebhook, receipt: readWebhook},
}

type unsupportedError struct{ providerType string }

func (e *unsupportedError) Error() string {
	return fmt.Sprintf("provider type %s is not supported by this version", e.providerType)
}

// Validate judges the keys of a provider's Secret. Its error names the keys that
// are missing or wrong and never shows a value.
func Validate(providerType string, data map[string][]byte) error {
	k, ok := kinds[providerType]
	if !ok {
		return &unsupportedError{providerType}
	}
	return k.validate(data)
}

func open(providerType string, data map[string][]byte, allow Endpoints, options Options) (Sender, error) {
	k, ok := kinds[providerType]
	if !ok {
		return nil, &unsupportedError{providerType}
	}
	return k.open(data, allow, options)
}
