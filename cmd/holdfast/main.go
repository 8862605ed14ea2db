// Command holdfast protects accounts: controllers, decisions for the IdP and the
// pages for the people concerned, in one binary.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"holdfast.dev/holdfast/internal/service"
	"holdfast.dev/holdfast/internal/web"
)

// version is set by the build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "holdfast:", err)
		os.Exit(1) //nolint:gocritic // stop only gives the signals back
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "holdfast",
		Short:         "Account protection for Kubernetes",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(serveCommand(), resealCommand(), keysCommand(), openAPICommand(), &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) { cmd.Println(version) },
	})
	return root
}

func openAPICommand() *cobra.Command {
	documents := map[string]func() ([]byte, error){"public": web.OpenAPI, "service": service.OpenAPI}
	return &cobra.Command{
		Use: "openapi [public|service]", Short: "Print the OpenAPI 3.1 document of a listener (public if not named)",
		Args: cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs), ValidArgs: []string{"public", "service"},
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "public"
			if len(args) > 0 {
				name = args[0]
			}
			document, err := documents[name]()
			if err != nil {
				return fmt.Errorf("write the OpenAPI document of the %s listener: %w", name, err)
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, document, "", "  "); err != nil {
				return fmt.Errorf("write the OpenAPI document of the %s listener: %w", name, err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), pretty.String())
			return err
		},
	}
}
