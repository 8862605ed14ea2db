package deliver

import (
	"cmp"
	"crypto/tls"
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/twilio/twilio-go/client"

	"holdfast.dev/holdfast/internal/outbound"
)

// twilioSecret is a provider Secret of type Twilio, read.
type twilioSecret struct {
	account string
	// username and password are the account and its token, or an API key and its secret.
	username, password string
	// proves says that the account's token is at hand, by which Twilio signs receipts.
	proves bool
	// from sends SMS unless service does, and makes calls where it is a number.
	from, service string
	region, edge  string
	// endpoint is where Twilio's API is, lookups where its look-ups are.
	endpoint, lookups *url.URL
	// looksUp asks for look-ups, each of which costs.
	looksUp bool
	tls     *tls.Config
}

// What Twilio's identifiers look like. A sender is a number, a short code or a name.
var (
	accountShape = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
	keyShape     = regexp.MustCompile(`^SK[0-9a-fA-F]{32}$`)
	serviceShape = regexp.MustCompile(`^MG[0-9a-fA-F]{32}$`)
	tokenShape   = regexp.MustCompile(`^[0-9a-zA-Z]+$`) // the client library sends no other
	numberShape  = regexp.MustCompile(`^\+[1-9][0-9]{5,14}$`)
	senderShape  = regexp.MustCompile(`^(\+[1-9][0-9]{5,14}|[0-9]{3,8}|[0-9A-Za-z ]{1,11})$`)
	labelShape   = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
)

func validateTwilio(data map[string][]byte) error {
	_, err := parseTwilio(data)
	return err
}

// parseTwilio reads the keys accountSid, authToken or apiKey with apiSecret, from or
// messagingServiceSid or both, and the optional lookup, region, edge, endpoint and ca
// (PEM). Beside apiKey, authToken calls nobody: it checks receipts.
func parseTwilio(data map[string][]byte) (twilioSecret, error) {
	s := twilioSecret{
		account: valueOf(data, "accountSid"), from: valueOf(data, "from"), service: valueOf(data, "messagingServiceSid"),
		region: valueOf(data, "region"), edge: valueOf(data, "edge"),
	}
	s.username, s.password = s.account, valueOf(data, "authToken")
	problems := twilioShapes(data)
	s.proves = s.password != ""
	if key := valueOf(data, "apiKey"); key != "" {
		s.username, s.password = key, valueOf(data, "apiSecret")
	}
	switch {
	case s.password == "" && s.proves:
		problems = append(problems, "key apiSecret is missing beside apiKey")
	case s.password == "":
		problems = append(problems, "key authToken is missing, or apiKey and apiSecret")
	}
	if s.from == "" && s.service == "" {
		problems = append(problems, "key from is missing, or messagingServiceSid")
	}
	var problem string
	if s.endpoint, problem = s.readEndpoint(valueOf(data, "endpoint"), twilioAPI); problem != "" {
		problems = append(problems, "key endpoint "+problem)
	}
	s.lookups, _ = s.readEndpoint(valueOf(data, "endpoint"), twilioLookups) // its problem is the same
	if lookup := valueOf(data, "lookup"); lookup != "" {
		s.looksUp = lookup == "line-type"
		if !s.looksUp {
			problems = append(problems, "key lookup must be line-type, or absent")
		}
	}
	if s.tls, problem = outbound.TLS(data["ca"]); problem != "" {
		problems = append(problems, "key ca "+problem)
	}
	if len(problems) > 0 {
		return twilioSecret{}, errors.New("Twilio provider Secret: " + strings.Join(problems, "; "))
	}
	return s, nil
}

// twilioShapes names the keys whose values have another shape than Twilio's.
func twilioShapes(data map[string][]byte) (problems []string) {
	for _, k := range []struct {
		key      string
		required bool
		shape    *regexp.Regexp
		want     string
	}{
		{"accountSid", true, accountShape, "must be AC and 32 hexadecimal digits"},
		{"authToken", false, tokenShape, "must be letters and digits"},
		{"apiKey", false, keyShape, "must be SK and 32 hexadecimal digits"},
		{"apiSecret", false, tokenShape, "must be letters and digits"},
		{"from", false, senderShape, "must be a number in E.164 form, a short code or a name of at most 11 letters and digits"},
		{"messagingServiceSid", false, serviceShape, "must be MG and 32 hexadecimal digits"},
		{"region", false, labelShape, "must be a region such as ie1"},
		{"edge", false, labelShape, "must be an edge location such as dublin"},
	} {
		switch value := valueOf(data, k.key); {
		case value == "" && k.required:
			problems = append(problems, "key "+k.key+" is missing")
		case value != "" && !k.shape.MatchString(value):
			problems = append(problems, "key "+k.key+" "+k.want)
		}
	}
	return problems
}

// Where Twilio's APIs are without region and edge.
const (
	twilioAPI     = "https://api.twilio.com"
	twilioLookups = "https://lookups.twilio.com"
)

// readEndpoint is Twilio's own where the key is empty, as the client library forms it.
func (s twilioSecret) readEndpoint(own, api string) (endpoint *url.URL, problem string) {
	if own != "" && (s.region != "" || s.edge != "") {
		return nil, "excludes region and edge"
	}
	theirs, err := (&client.RequestHandler{Region: s.region, Edge: s.edge}).BuildUrl(api)
	if err != nil {
		return nil, "cannot be formed of region and edge"
	}
	if endpoint, problem = outbound.Endpoint(cmp.Or(own, theirs)); problem == "" && strings.Trim(endpoint.Path, "/")+endpoint.RawQuery != "" {
		return nil, "must have neither path nor query"
	}
	return endpoint, problem
}
