// SPDX-License-Identifier: Apache-2.0
//
// Names of numbers of IKE (IANA, Internet Key Exchange parameters; RFC 2407 to 2409). Those of events are
// the words of EVE.

import Records

enum IKENames {
    static func exchange(_ major: UInt8, _ number: UInt8) -> StaticString? {
        switch (major, number) {
        case (1, 1): "Base"
        case (1, 2): "Identity Protection"
        case (1, 3): "Authentication Only"
        case (1, 4): "Aggressive"
        case (1, 5): "Informational"
        case (1, 6): "Transaction"
        case (1, 32): "Quick Mode"
        case (1, 33): "New Group Mode"
        case (2, 34): "IKE_SA_INIT"
        case (2, 35): "IKE_AUTH"
        case (2, 36): "CREATE_CHILD_SA"
        case (2, 37): "INFORMATIONAL"
        case (2, 38): "IKE_SESSION_RESUME"
        case (2, 39): "GSA_AUTH"
        case (2, 40): "GSA_REGISTRATION"
        case (2, 41): "GSA_REKEY"
        case (2, 43): "IKE_INTERMEDIATE"
        case (2, 44): "IKE_FOLLOWUP_KE"
        default: nil
        }
    }

    static func payload(_ major: UInt8, _ number: UInt8) -> StaticString {
        if major == 1 {
            switch number {
            case 0: return "NoNextPayload"
            case 1: return "SecurityAssociation"
            case 2: return "Proposal"
            case 3: return "Transform"
            case 4: return "KeyExchange"
            case 5: return "Identification"
            case 6: return "Certificate"
            case 7: return "CertificateRequest"
            case 8: return "Hash"
            case 9: return "Signature"
            case 10: return "Nonce"
            case 11: return "Notification"
            case 12: return "Delete"
            case 13: return "VendorID"
            case 15: return "SaKekPayload"
            case 16: return "SaTekPayload"
            case 17: return "KeyDownload"
            case 18: return "SequenceNumber"
            case 19: return "ProofOfPossession"
            case 20: return "NatDiscovery"
            case 21: return "NatOriginalAddress"
            case 22: return "GroupAssociatedPolicy"
            default: return "Unassigned"
            }
        }
        switch number {
        case 0: return "NoNextPayload"
        case 33: return "SecurityAssociation"
        case 34: return "KeyExchange"
        case 35: return "IdentInitiator"
        case 36: return "IdentResponder"
        case 37: return "Certificate"
        case 38: return "CertificateRequest"
        case 39: return "Authentication"
        case 40: return "Nonce"
        case 41: return "Notify"
        case 42: return "Delete"
        case 43: return "VendorID"
        case 44: return "TrafficSelectorInitiator"
        case 45: return "TrafficSelectorResponder"
        case 46: return "EncryptedAndAuthenticated"
        case 47: return "Configuration"
        case 48: return "ExtensibleAuthentication"
        case 49: return "GSPM"
        case 53: return "EncryptedFragment"
        default: return "Unassigned"
        }
    }

    /// Transforms of version 2, by type.
    static func transform(_ type: UInt8, _ number: UInt16) -> StaticString? {
        switch type {
        case 1: encryption(number)
        case 2: randomFunction(number)
        case 3: integrity(number)
        case 4: group(number)
        case 5: number == 0 ? "NoESN" : number == 1 ? "ESN" : nil
        default: nil
        }
    }

    private static func encryption(_ number: UInt16) -> StaticString? {
        switch number {
        case 1: "ENCR_DES_IV64"
        case 2: "ENCR_DES"
        case 3: "ENCR_3DES"
        case 4: "ENCR_RC5"
        case 5: "ENCR_IDEA"
        case 6: "ENCR_CAST"
        case 7: "ENCR_BLOWFISH"
        case 8: "ENCR_3IDEA"
        case 9: "ENCR_DES_IV32"
        case 11: "ENCR_NULL"
        case 12: "ENCR_AES_CBC"
        case 13: "ENCR_AES_CTR"
        case 14: "ENCR_AES_CCM_8"
        case 15: "ENCR_AES_CCM_12"
        case 16: "ENCR_AES_CCM_16"
        case 18: "ENCR_AES_GCM_8"
        case 19: "ENCR_AES_GCM_12"
        case 20: "ENCR_AES_GCM_16"
        case 21: "ENCR_NULL_AUTH_AES_GMAC"
        case 23: "ENCR_CAMELLIA_CBC"
        case 24: "ENCR_CAMELLIA_CTR"
        case 25: "ENCR_CAMELLIA_CCM_8"
        case 26: "ENCR_CAMELLIA_CCM_12"
        case 27: "ENCR_CAMELLIA_CCM_16"
        case 28: "ENCR_CHACHA20_POLY1305"
        default: nil
        }
    }

    private static func randomFunction(_ number: UInt16) -> StaticString? {
        switch number {
        case 0: "PRF_NULL"
        case 1: "PRF_HMAC_MD5"
        case 2: "PRF_HMAC_SHA1"
        case 3: "PRF_HMAC_TIGER"
        case 4: "PRF_AES128_XCBC"
        case 5: "PRF_HMAC_SHA2_256"
        case 6: "PRF_HMAC_SHA2_384"
        case 7: "PRF_HMAC_SHA2_512"
        case 8: "PRF_AES128_CMAC"
        default: nil
        }
    }

    private static func integrity(_ number: UInt16) -> StaticString? {
        switch number {
        case 0: "NONE"
        case 1: "AUTH_HMAC_MD5_96"
        case 2: "AUTH_HMAC_SHA1_96"
        case 3: "AUTH_DES_MAC"
        case 4: "AUTH_KPDK_MD5"
        case 5: "AUTH_AES_XCBC_96"
        case 6: "AUTH_HMAC_MD5_128"
        case 7: "AUTH_HMAC_SHA1_160"
        case 8: "AUTH_AES_CMAC_96"
        case 9: "AUTH_AES_128_GMAC"
        case 10: "AUTH_AES_192_GMAC"
        case 11: "AUTH_AES_256_GMAC"
        case 12: "AUTH_HMAC_SHA2_256_128"
        case 13: "AUTH_HMAC_SHA2_384_192"
        case 14: "AUTH_HMAC_SHA2_512_256"
        default: nil
        }
    }

    private static func group(_ number: UInt16) -> StaticString? {
        switch number {
        case 0: "None"
        case 1: "Modp768"
        case 2: "Modp1024"
        case 5: "Modp1536"
        case 14: "Modp2048"
        case 15: "Modp3072"
        case 16: "Modp4096"
        case 17: "Modp6144"
        case 18: "Modp8192"
        case 19: "Ecp256"
        case 20: "Ecp384"
        case 21: "Ecp521"
        case 22: "Modp1024s160"
        case 23: "Modp2048s224"
        case 24: "Modp2048s256"
        case 25: "Ecp192"
        case 26: "Ecp224"
        case 27: "BrainpoolP224r1"
        case 28: "BrainpoolP256r1"
        case 29: "BrainpoolP384r1"
        case 30: "BrainpoolP512r1"
        case 31: "Curve25519"
        case 32: "Curve448"
        default: nil
        }
    }

    /// Notifications of version 2 (RFC 7296 section 3.10.1 and its followers).
    static func notification(_ number: UInt16) -> StaticString? {
        switch number {
        case 1: "UNSUPPORTED_CRITICAL_PAYLOAD"
        case 4: "INVALID_IKE_SPI"
        case 5: "INVALID_MAJOR_VERSION"
        case 7: "INVALID_SYNTAX"
        case 9: "INVALID_MESSAGE_ID"
        case 11: "INVALID_SPI"
        case 14: "NO_PROPOSAL_CHOSEN"
        case 17: "INVALID_KE_PAYLOAD"
        case 24: "AUTHENTICATION_FAILED"
        case 34: "SINGLE_PAIR_REQUIRED"
        case 35: "NO_ADDITIONAL_SAS"
        case 36: "INTERNAL_ADDRESS_FAILURE"
        case 37: "FAILED_CP_REQUIRED"
        case 38: "TS_UNACCEPTABLE"
        case 39: "INVALID_SELECTORS"
        case 43: "TEMPORARY_FAILURE"
        case 44: "CHILD_SA_NOT_FOUND"
        case 16384: "INITIAL_CONTACT"
        case 16385: "SET_WINDOW_SIZE"
        case 16386: "ADDITIONAL_TS_POSSIBLE"
        case 16387: "IPCOMP_SUPPORTED"
        case 16388: "NAT_DETECTION_SOURCE_IP"
        case 16389: "NAT_DETECTION_DESTINATION_IP"
        case 16390: "COOKIE"
        case 16391: "USE_TRANSPORT_MODE"
        case 16392: "HTTP_CERT_LOOKUP_SUPPORTED"
        case 16393: "REKEY_SA"
        case 16394: "ESP_TFC_PADDING_NOT_SUPPORTED"
        case 16395: "NON_FIRST_FRAGMENTS_ALSO"
        case 16396: "MOBIKE_SUPPORTED"
        case 16404: "MULTIPLE_AUTH_SUPPORTED"
        case 16406: "REDIRECT_SUPPORTED"
        case 16407: "REDIRECT"
        case 16408: "REDIRECTED_FROM"
        case 16430: "IKEV2_FRAGMENTATION_SUPPORTED"
        case 16431: "SIGNATURE_HASH_ALGORITHMS"
        default: nil
        }
    }

    /// Notifications of version 1 (RFC 2408 section 3.14.1, RFC 2407 section 4.6.3, RFC 3706).
    static func notification1(_ number: UInt16) -> StaticString? {
        switch number {
        case 1: "INVALID_PAYLOAD_TYPE"
        case 2: "DOI_NOT_SUPPORTED"
        case 4: "INVALID_COOKIE"
        case 5: "INVALID_MAJOR_VERSION"
        case 7: "INVALID_EXCHANGE_TYPE"
        case 8: "INVALID_FLAGS"
        case 9: "INVALID_MESSAGE_ID"
        case 10: "INVALID_PROTOCOL_ID"
        case 11: "INVALID_SPI"
        case 14: "NO_PROPOSAL_CHOSEN"
        case 16: "PAYLOAD_MALFORMED"
        case 18: "INVALID_ID_INFORMATION"
        case 23: "INVALID_HASH_INFORMATION"
        case 24: "AUTHENTICATION_FAILED"
        case 16384: "CONNECTED"
        case 24576: "RESPONDER_LIFETIME"
        case 24577: "REPLAY_STATUS"
        case 24578: "INITIAL_CONTACT"
        case 36136: "R_U_THERE"
        case 36137: "R_U_THERE_ACK"
        default: nil
        }
    }
}

/// A transform of a proposal of version 2.
struct IKETransform: Equatable {
    var type: UInt8
    var number: UInt16
}

/// An attribute of a transform of version 1 (RFC 2409 appendix A).
struct IKEAttribute: Equatable {
    var type: UInt16
    var value: UInt64

    /// The key in EVE; the raw value has the same with `_raw`.
    var key: (StaticString, StaticString) {
        switch type {
        case 1: ("alg_enc", "alg_enc_raw")
        case 2: ("alg_hash", "alg_hash_raw")
        case 3: ("alg_auth", "alg_auth_raw")
        case 4: ("alg_dh", "alg_dh_raw")
        case 5: ("sa_group_type", "sa_group_type_raw")
        case 11: ("sa_life_type", "sa_life_type_raw")
        case 12: ("sa_life_duration", "sa_life_duration_raw")
        case 13: ("alg_prf", "alg_prf_raw")
        case 14: ("sa_key_length", "sa_key_length_raw")
        case 15: ("sa_field_size", "sa_field_size_raw")
        default: ("unknown", "unknown_raw")
        }
    }

    var name: StaticString? {
        switch type {
        case 1: encryption
        case 2: hash
        case 3: authentication
        case 4: group
        case 11: value == 1 ? "LifeTypeSeconds" : value == 2 ? "LifeTypeKilobytes" : nil
        default: nil
        }
    }

    private var encryption: StaticString? {
        switch value {
        case 1: "EncDesCbc"
        case 2: "EncIdeaCbc"
        case 3: "EncBlowfishCbc"
        case 4: "EncRc5R16B64Cbc"
        case 5: "EncTripleDesCbc"
        case 6: "EncCastCbc"
        case 7: "EncAesCbc"
        case 8: "EncCamelliaCbc"
        default: nil
        }
    }

    private var hash: StaticString? {
        switch value {
        case 1: "HashMd5"
        case 2: "HashSha"
        case 3: "HashTiger"
        case 4: "HashSha2_256"
        case 5: "HashSha2_384"
        case 6: "HashSha2_512"
        default: nil
        }
    }

    private var authentication: StaticString? {
        switch value {
        case 1: "AuthPreSharedKey"
        case 2: "AuthDssSignatures"
        case 3: "AuthRsaSignatures"
        case 4: "AuthRsaEncryption"
        case 5: "AuthRevisedRsaEncryption"
        default: nil
        }
    }

    private var group: StaticString? {
        switch value {
        case 1: "GroupDefault768BitModpGroup"
        case 2: "GroupAlternate1024BitModpGroup"
        case 3: "GroupEc2nOnGp2p155"
        case 4: "GroupEc2nOnGp2p185"
        case 5: "GroupModp1536Bit"
        case 14: "GroupModp2048Bit"
        case 15: "GroupModp3072Bit"
        case 16: "GroupModp4096Bit"
        case 17: "GroupModp6144Bit"
        case 18: "GroupModp8192Bit"
        case 19: "GroupEcp256Bit"
        case 20: "GroupEcp384Bit"
        case 21: "GroupEcp521Bit"
        default: nil
        }
    }
}
