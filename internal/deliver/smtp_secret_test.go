package deliver_test

import (
	"strings"
	"testing"

	"holdfast.dev/holdfast/internal/deliver"
)

func TestValidateNamesKeysAndNeverValues(t *testing.T) {
	good := func() map[string][]byte {
		return map[string][]byte{
			"host": []byte("smtp.example.com\n"), "port": []byte("587\n"),
			"username": []byte("shop"), "password": []byte("s3cr3t-value"),
		}
	}
	cases := map[string]struct{ key, value, want string }{
		"all well":         {"tls", "implicit", ""},
		"no host":          {"host", "", "key host is missing"},
		"no password":      {"password", "\n", "key password is missing"},
		"a URL as host":    {"host", "smtp://s3cr3t-value", "key host must be"},
		"a name as port":   {"port", "s3cr3t-value", "key port must be"},
		"port 0":           {"port", "0", "key port must be"},
		"port too high":    {"port", "65536", "key port must be"},
		"unknown tls":      {"tls", "s3cr3t-value", "key tls must be"},
		"plain, elsewhere": {"tls", "none", "key tls may be none only"},
		"no certificate":   {"ca", "s3cr3t-value", "key ca holds no"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			data := good()
			data[test.key] = []byte(test.value)
			err := deliver.Validate("SMTP", data)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("got %v, want %q and no value", err, test.want)
			}
		})
	}
}
