// SPDX-License-Identifier: Apache-2.0
//
// Object identifiers of certificates and their names, as OpenSSL spells them.

import Records

enum X509Tables {
    /// How a public key is read.
    enum KeyKind: Sendable {
        case rsa
        case dsa
        case elliptic
        /// A key whose type says how long it is.
        case fixed(StaticString, UInt64)
    }

    struct Curve: Sendable {
        var name: StaticString
        var bits: UInt64
    }

    static func appendUpper(_ octet: UInt8, to text: inout TextBuffer) {
        for digit in [octet >> 4, octet & 15] { text.bytes.append(digit < 10 ? 0x30 &+ digit : 0x37 &+ digit) }
    }

    /// Attributes of names, by their short names.
    static let attributes: [[UInt8]: StaticString] = dictionary([
        ("2.5.4.3", "CN"), ("2.5.4.4", "SN"), ("2.5.4.5", "serialNumber"), ("2.5.4.6", "C"), ("2.5.4.7", "L"),
        ("2.5.4.8", "ST"), ("2.5.4.9", "street"), ("2.5.4.10", "O"), ("2.5.4.11", "OU"), ("2.5.4.12", "title"),
        ("2.5.4.13", "description"), ("2.5.4.15", "businessCategory"), ("2.5.4.16", "postalAddress"),
        ("2.5.4.17", "postalCode"), ("2.5.4.18", "postOfficeBox"), ("2.5.4.20", "telephoneNumber"),
        ("2.5.4.31", "member"), ("2.5.4.41", "name"), ("2.5.4.42", "GN"), ("2.5.4.43", "initials"),
        ("2.5.4.44", "generationQualifier"), ("2.5.4.45", "x500UniqueIdentifier"), ("2.5.4.46", "dnQualifier"),
        ("2.5.4.65", "pseudonym"), ("2.5.4.72", "role"), ("2.5.4.97", "organizationIdentifier"),
        ("1.2.840.113549.1.9.1", "emailAddress"), ("1.2.840.113549.1.9.2", "unstructuredName"),
        ("1.2.840.113549.1.9.8", "unstructuredAddress"), ("0.9.2342.19200300.100.1.1", "UID"),
        ("0.9.2342.19200300.100.1.3", "mail"), ("0.9.2342.19200300.100.1.25", "DC"),
        ("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionL"), ("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST"),
        ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC"),
    ])

    /// Attributes of names as rules and EVE spell them.
    static let plainAttributes: [[UInt8]: StaticString] = dictionary([
        ("2.5.4.3", "CN"), ("2.5.4.4", "surname"), ("2.5.4.5", "serialNumber"), ("2.5.4.6", "C"), ("2.5.4.7", "L"),
        ("2.5.4.8", "ST"), ("2.5.4.9", "streetAddress"), ("2.5.4.10", "O"), ("2.5.4.11", "OU"),
        ("2.5.4.12", "title"), ("2.5.4.13", "description"), ("2.5.4.15", "businessCategory"),
        ("2.5.4.17", "postalCode"), ("2.5.4.41", "name"), ("2.5.4.42", "givenName"), ("2.5.4.43", "initials"),
        ("2.5.4.44", "generationQualifier"), ("2.5.4.46", "dnQualifier"), ("2.5.29.17", "subjectAltName"),
        ("1.2.840.113549.1.9.1", "Email"), ("1.2.840.113549.1.9.2", "unstructuredName"),
        ("0.9.2342.19200300.100.1.1", "uid"), ("0.9.2342.19200300.100.1.25", "DC"),
        ("1.3.6.1.4.1.311.60.2.1.1", "msJurisdictionLocality"),
        ("1.3.6.1.4.1.311.60.2.1.2", "msJurisdictionStateOrProvince"),
        ("1.3.6.1.4.1.311.60.2.1.3", "msJurisdictionCountry"),
    ])

    /// Algorithms of signatures, by their long names.
    static let algorithms: [[UInt8]: StaticString] = dictionary([
        ("1.2.840.113549.1.1.2", "md2WithRSAEncryption"), ("1.2.840.113549.1.1.3", "md4WithRSAEncryption"),
        ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"), ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
        ("1.2.840.113549.1.1.10", "rsassaPss"), ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption"),
        ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption"), ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption"),
        ("1.2.840.113549.1.1.14", "sha224WithRSAEncryption"), ("1.3.14.3.2.29", "sha1WithRSA"),
        ("1.3.14.3.2.3", "md5WithRSA"), ("1.3.14.3.2.27", "dsaWithSHA1-old"), ("1.2.840.10040.4.3", "dsaWithSHA1"),
        ("1.2.840.10045.4.1", "ecdsa-with-SHA1"), ("1.2.840.10045.4.3.1", "ecdsa-with-SHA224"),
        ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"), ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
        ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"), ("2.16.840.1.101.3.4.3.1", "dsa_with_SHA224"),
        ("2.16.840.1.101.3.4.3.2", "dsa_with_SHA256"), ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
        ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"), ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
        ("1.3.101.112", "ED25519"), ("1.3.101.113", "ED448"), ("1.2.156.10197.1.501", "SM2-with-SM3"),
        ("1.2.643.2.2.3", "GOST R 34.11-94 with GOST R 34.10-2001"),
    ])

    /// Algorithms of keys, by their long names.
    static let keyAlgorithms: [[UInt8]: StaticString] = dictionary([
        ("1.2.840.113549.1.1.1", "rsaEncryption"), ("2.5.8.1.1", "rsa"), ("1.2.840.113549.1.1.10", "rsassaPss"),
        ("1.2.840.113549.1.1.7", "rsaesOaep"), ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
        ("1.2.840.10040.4.1", "dsaEncryption"), ("1.2.840.10045.2.1", "id-ecPublicKey"),
        ("1.2.840.113549.1.3.1", "dhKeyAgreement"), ("1.3.101.110", "X25519"), ("1.3.101.111", "X448"),
        ("1.3.101.112", "ED25519"), ("1.3.101.113", "ED448"), ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
        ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"), ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
        ("1.2.643.2.2.19", "GOST R 34.10-2001"),
    ])

    static let keyKinds: [[UInt8]: KeyKind] = dictionary([
        ("1.2.840.113549.1.1.1", .rsa), ("1.2.840.113549.1.1.10", .rsa), ("2.5.8.1.1", .rsa),
        // Some old certificates name the signature where the key belongs.
        ("1.2.840.113549.1.1.4", .rsa), ("1.2.840.10040.4.1", .dsa), ("1.2.840.10045.2.1", .elliptic),
        ("1.3.101.110", .fixed("X25519", 253)), ("1.3.101.111", .fixed("X448", 448)),
        ("1.3.101.112", .fixed("ED25519", 256)), ("1.3.101.113", .fixed("ED448", 456)),
        ("2.16.840.1.101.3.4.3.17", .fixed("ML-DSA-44", 10_496)),
        ("2.16.840.1.101.3.4.3.18", .fixed("ML-DSA-65", 15_616)),
        ("2.16.840.1.101.3.4.3.19", .fixed("ML-DSA-87", 20_736)),
    ])

    static let curves: [[UInt8]: Curve] = dictionary([
        ("1.2.840.10045.3.1.1", Curve(name: "prime192v1", bits: 192)),
        ("1.2.840.10045.3.1.7", Curve(name: "prime256v1", bits: 256)),
        ("1.3.132.0.33", Curve(name: "secp224r1", bits: 224)), ("1.3.132.0.34", Curve(name: "secp384r1", bits: 384)),
        ("1.3.132.0.35", Curve(name: "secp521r1", bits: 521)), ("1.3.132.0.10", Curve(name: "secp256k1", bits: 256)),
        ("1.3.132.0.31", Curve(name: "secp192k1", bits: 192)), ("1.3.132.0.32", Curve(name: "secp224k1", bits: 225)),
        ("1.3.132.0.8", Curve(name: "secp160r1", bits: 161)), ("1.3.132.0.9", Curve(name: "secp160k1", bits: 161)),
        ("1.3.132.0.26", Curve(name: "sect233k1", bits: 232)), ("1.3.132.0.27", Curve(name: "sect233r1", bits: 233)),
        ("1.3.132.0.16", Curve(name: "sect283k1", bits: 281)), ("1.3.132.0.17", Curve(name: "sect283r1", bits: 282)),
        ("1.3.132.0.36", Curve(name: "sect409k1", bits: 407)), ("1.3.132.0.37", Curve(name: "sect409r1", bits: 409)),
        ("1.3.132.0.38", Curve(name: "sect571k1", bits: 570)), ("1.3.132.0.39", Curve(name: "sect571r1", bits: 570)),
        ("1.3.36.3.3.2.8.1.1.7", Curve(name: "brainpoolP256r1", bits: 256)),
        ("1.3.36.3.3.2.8.1.1.11", Curve(name: "brainpoolP384r1", bits: 384)),
        ("1.3.36.3.3.2.8.1.1.13", Curve(name: "brainpoolP512r1", bits: 512)),
        ("1.2.156.10197.1.301", Curve(name: "SM2", bits: 256)),
    ])

    /// Keys are the octets of the dotted form.
    private static func dictionary<Value>(_ pairs: [(StaticString, Value)]) -> [[UInt8]: Value] {
        Dictionary(uniqueKeysWithValues: pairs.map { (Array($0.0.description.utf8), $0.1) })
    }
}
