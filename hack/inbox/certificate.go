package inbox

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net"
	"os"

	"k8s.io/client-go/util/cert"
)

// loadCertificate reads the certificate of localhost from a folder and makes it
// there, with an authority of its own, where there is none. It returns the
// authority as PEM: who trusts it trusts this server.
func loadCertificate(dir string) (certificate tls.Certificate, ca []byte, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make certificate folder: %w", err)
	}
	loopback := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	chain, key, err := cert.GenerateSelfSignedCertKeyWithFixtures("localhost", loopback, nil, dir)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make SMTP certificate in %s: %w", dir, err)
	}
	certificate, err = tls.X509KeyPair(chain, key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("read SMTP certificate in %s (delete it to get a new one): %w", dir, err)
	}
	authority := certificate.Certificate[len(certificate.Certificate)-1]
	return certificate, pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: authority}), nil
}
