// SHA256_Init and its like are marked as deprecated since OpenSSL 3.0, for their state is a plain
// struct that no provider can take over. That it is one is what they are wanted for here.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
