// The OIDC provider of tests/sign_in: mockoidc, with people. It asks nobody for a password: whoever sends the cookie
// `person` is that person, and whoever sends none does not get in.
package main

import (
	"crypto/tls"
	"encoding/json"
	"log"
	"net/http"
	"net/url"
	"os"
	"sync"

	"github.com/oauth2-proxy/mockoidc"
)

// Groups by person.
type people map[string][]string

func main() {
	provider, err := mockoidc.NewServer(nil)
	must(err)
	provider.ClientID, provider.ClientSecret = os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET")
	var known people
	must(json.Unmarshal([]byte(os.Getenv("PEOPLE")), &known))
	must(provider.AddMiddleware(asPerson(provider, known)))
	must(provider.AddMiddleware(withBasic))

	certificate, err := tls.LoadX509KeyPair(os.Getenv("CERTIFICATE"), os.Getenv("KEY"))
	must(err)
	configuration := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	listener, err := tls.Listen("tcp", os.Getenv("LISTEN"), configuration)
	must(err)
	must(provider.Start(listener, configuration))
	// Of this the issuer is made.
	provider.Server.Addr = os.Getenv("HOST")
	log.Printf("%s, for %d people", provider.Issuer(), len(known))
	select {}
}

// asPerson makes the next session that of the person in the cookie.
func asPerson(provider *mockoidc.MockOIDC, known people) func(http.Handler) http.Handler {
	var one sync.Mutex
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
			if request.URL.Path != mockoidc.AuthorizationEndpoint {
				next.ServeHTTP(answer, request)
				return
			}
			cookie, err := request.Cookie("person")
			if err != nil || known[cookie.Value] == nil {
				http.Error(answer, "nobody has signed in", http.StatusUnauthorized)
				return
			}
			name := cookie.Value
			one.Lock()
			defer one.Unlock()
			provider.QueueUser(&mockoidc.MockUser{
				Subject:           name,
				Email:             name + "@lakehouse.test",
				EmailVerified:     true,
				PreferredUsername: name,
				Groups:            known[name],
			})
			next.ServeHTTP(answer, request)
		})
	}
}

// withBasic takes the client's name and secret from where RFC 6749 has them first; mockoidc reads the form only.
func withBasic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if name, secret, ok := request.BasicAuth(); ok && request.ParseForm() == nil {
			for field, value := range map[string]string{"client_id": name, "client_secret": secret} {
				if plain, err := url.QueryUnescape(value); err == nil {
					request.Form.Set(field, plain)
				}
			}
		}
		next.ServeHTTP(answer, request)
	})
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
