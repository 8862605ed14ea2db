package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"holdfast.dev/holdfast/internal/seal"
)

// maxSecret bounds what is read: the apiserver takes no larger Secret.
const maxSecret = 2 << 20

// keysCommand turns the keys of a Secret that kubectl reads and writes: whoever rotates
// them needs the right to change the Secret, and Holdfast does not.
func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "keys", Short: "Rotate the keys of the Secret on standard input",
		Example: "  kubectl -n holdfast-system get secret holdfast-keys -o json | holdfast keys add contacts.json | kubectl replace -f -",
	}
	for _, step := range []struct {
		use, short string
		turn       func(entry string, value []byte) ([]byte, error)
	}{
		{"add ENTRY", "Add a new key, which opens and finds and is not used otherwise yet", seal.AddKey},
		{"promote ENTRY", "Use the newest key from now on", seal.PromoteKey},
		{"retire ENTRY", "Remove every key but the one in use; re-seal first", seal.RetireKeys},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: step.use, Short: step.short, Args: cobra.ExactArgs(1),
			ValidArgs: []string{seal.EntryContacts, seal.EntryTickets, seal.EntryCodes, seal.EntryLookup},
			RunE: func(cmd *cobra.Command, args []string) error {
				return turnSecret(cmd.InOrStdin(), cmd.OutOrStdout(), args[0], step.turn)
			},
		})
	}
	return cmd
}

// turnSecret copies a Secret in JSON with one entry turned. It writes nothing where
// anything is wrong.
func turnSecret(in io.Reader, out io.Writer, entry string, turn func(string, []byte) ([]byte, error)) error {
	text, err := io.ReadAll(io.LimitReader(in, maxSecret))
	if err != nil {
		return fmt.Errorf("read the Secret: %w", err)
	}
	var secret corev1.Secret
	if err := json.Unmarshal(text, &secret); err != nil || secret.Kind != "Secret" {
		return fmt.Errorf("standard input holds no Secret in JSON: pipe `kubectl get secret holdfast-keys -o json` into this")
	}
	if secret.Data[entry], err = turn(entry, secret.Data[entry]); err != nil {
		return err
	}
	if _, err := seal.Parse(secret.Data); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(secret)
}
