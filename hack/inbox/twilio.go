package inbox

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"regexp"
)

// Where Twilio's API has what we call, and its error codes.
const (
	twilioBase     = "/2010-04-01/Accounts/{account}/"
	twilioAuth     = 20003
	twilioInvalid  = 21211
	twilioNoBody   = 21602
	twilioBadTwiML = 12100
	twilioNoFrom   = 21603
)

var phoneNumber = regexp.MustCompile(`^\+[1-9][0-9]{5,14}$`)

// serveTwilio adds the part of Twilio's API that a provider of type Twilio calls.
func (i *Inbox) serveTwilio(mux *http.ServeMux) {
	mux.HandleFunc("POST "+twilioBase+"Messages.json", i.proven(func(w http.ResponseWriter, r *http.Request) {
		if r.PostForm.Get("Body") == "" {
			twilioError(w, http.StatusBadRequest, twilioNoBody, "Message body is required")
			return
		}
		i.takeTwilio(w, r, "SMS", r.PostForm.Get("Body"), "SM")
	}))
	mux.HandleFunc("POST "+twilioBase+"Calls.json", i.proven(func(w http.ResponseWriter, r *http.Request) {
		var twiml struct{ Say string }
		if err := xml.Unmarshal([]byte(r.PostForm.Get("Twiml")), &twiml); err != nil {
			twilioError(w, http.StatusBadRequest, twilioBadTwiML, "Document parse failure")
			return
		}
		i.takeTwilio(w, r, "Voice", twiml.Say, "CA")
	}))
	mux.HandleFunc("GET "+twilioBase+"IncomingPhoneNumbers.json", i.proven(func(w http.ResponseWriter, _ *http.Request) {
		twilioAnswer(w, http.StatusOK, map[string]any{"incoming_phone_numbers": []any{}, "page": 0, "page_size": 1})
	}))
	mux.HandleFunc("GET /v2/PhoneNumbers/{number}", i.proven(i.lookUp))
}

// proven lets calls pass that show the account and its token, and reads their form.
func (i *Inbox) proven(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		account, token, _ := r.BasicAuth()
		if !same(i.credentials.TwilioAccount, account) || !same(i.credentials.TwilioToken, token) || (r.PathValue("account") != account && r.PathValue("number") == "") {
			twilioError(w, http.StatusUnauthorized, twilioAuth, "Authenticate")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxMessageBytes)
		if err := r.ParseForm(); err != nil {
			http.Error(w, "the form cannot be read", http.StatusBadRequest)
			return
		}
		next(w, r)
	}
}

func (i *Inbox) takeTwilio(w http.ResponseWriter, r *http.Request, channel, text, prefix string) {
	to, from := r.PostForm.Get("To"), r.PostForm.Get("From")+r.PostForm.Get("MessagingServiceSid")
	switch {
	case !phoneNumber.MatchString(to):
		twilioError(w, http.StatusBadRequest, twilioInvalid, "Invalid 'To' Phone Number")
		return
	case from == "":
		twilioError(w, http.StatusBadRequest, twilioNoFrom, "A 'From' phone number is required")
		return
	}
	now := i.now().UTC()
	if err := i.box.Add(Message{Channel: channel, To: to, From: from, Text: text, ReceivedAt: now}); err != nil {
		http.Error(w, "the message cannot be kept", http.StatusInternalServerError)
		return
	}
	sid := fmt.Sprintf("%s%032x", prefix, now.UnixNano())
	defer i.tellTwilio(r.PostForm.Get("StatusCallback"), sid, to, channel == "Voice")
	twilioAnswer(w, http.StatusCreated, map[string]any{
		"sid": sid, "account_sid": i.credentials.TwilioAccount,
		"to": to, "status": "queued", "error_code": nil,
	})
}

func twilioError(w http.ResponseWriter, status, code int, message string) {
	twilioAnswer(w, status, map[string]any{
		"code": code, "message": message, "status": status, "more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", code),
	})
}

func twilioAnswer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
