// SPDX-License-Identifier: Apache-2.0
//
// Certificates: what OpenSSL says of the same octets, and broken ones.
//
// The two were made with `openssl req -x509` and no key was kept: one with a P-256 key, a name in
// which every character that needs one has its sign, and alternative names; one with RSA and no
// more than it must have.

import Testing
import Wire

@testable import Files
@testable import Records

/// Octets of hexadecimal digits; line ends count nothing.
private func hexadecimal(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
}

private let elliptic = hexadecimal(
    """
    3082028930820230a00302010202050099fa8037300a06082a8648ce3d040302307e310b300906035504061302444531
    183016060355040a0c0f412c2042202b2022432220476d624831133011060355040b0c0a2331204772c3b6c39f653122
    300806035504070c0178301606035504030c0f7777772e6578616d706c652e6f7267311c301a06092a864886f70d0109
    01160d61406578616d706c652e6f7267301e170d3236313132323232323534305a170d3336313131393232323534305a
    307e310b300906035504061302444531183016060355040a0c0f412c2042202b2022432220476d624831133011060355
    040b0c0a2331204772c3b6c39f653122300806035504070c0178301606035504030c0f7777772e6578616d706c652e6f
    7267311c301a06092a864886f70d010901160d61406578616d706c652e6f72673059301306072a8648ce3d020106082a
    8648ce3d03010703420004fbefee199b6497ebc8918c519d9e751db4923d0433106b15a919e2d0cb29fc914df07b1a6a
    02ed1d1a48b6d1cd9bf3e9aa6bd99f173cc2f1b3ff1d120a200a93a3819a30819730620603551d11045b3059820d2a2e
    6578616d706c652e6f7267820b6578616d706c652e6e65748704c0000207871020010db8000000000000000000000007
    861468747470733a2f2f6578616d706c652e6f72672f810d61406578616d706c652e6f726730120603551d130101ff04
    0830060101ff020103301d0603551d0e04160414e2fb9527b4c7fe214ba8466c64122534382d3ec0300a06082a8648ce
    3d040302034700304402203035fee6fb1be9cb646800bc6675b9fd1266e3a426877c14194ba722730739d9022037a7ed
    fb93370b01368a113341045986d87be429f9210f9cf60af53fb5fa1f53
    """)

private let plain = hexadecimal(
    """
    308202013082016aa003020102020100300d06092a864886f70d01010b0500301b3119301706035504030c10686f7374
    2e6578616d706c652e636f6d3020170d3236313132323232323532305a180f32313236313032393232323532305a301b
    3119301706035504030c10686f73742e6578616d706c652e636f6d30819f300d06092a864886f70d010101050003818d
    0030818902818100c156cd5196a35a015b6a82426caf72106518ef597e1192348874bb7eaea741d00d29a4578761cc43
    1fd0947c7d5bb8c8e6aee4d8ec78db60c9549652e23a2eb23b31abe614b8f9610020909354afb8fe1a5e1b849e47a51e
    ff8066e03c06bb8bf5d16fee9ea0a76773686c272e944f7129d20521fa1ea1fd4ea6d6398b5fd0c30203010001a35330
    51301d0603551d0e041604143502afbe4faeca7329870b719ae07f03033ee83d301f0603551d230418301680143502af
    be4faeca7329870b719ae07f03033ee83d300f0603551d130101ff040530030101ff300d06092a864886f70d01010b05
    0003818100650883f279db2a445c94108fbe78496747c3df6fbcc2a8d28e8adb6bd87a67b26ff65ae3fde01a992ae0eb
    7cdc357cad1e44082b17a86975c9e34e2ea717f37f43fcb128f55cde983a41ade120306a23f08a52da175bf1488908a9
    ee4b6ec3533e54b8666c713bae55f1464440cf1a8c7fc59c359a7f53aee8881708f701de90
    """)

private func read(_ der: [UInt8]) -> X509Certificate? {
    X509Certificate(parsing: der.octets, fingerprint: X509Fingerprint(der))
}

extension X509Certificate {
    fileprivate func string(_ place: Text) -> String? {
        place.isAbsent ? nil : String(decoding: text[place], as: UTF8.self)
    }

    fileprivate func strings(_ places: [Text]?) -> [String]? { places.map { $0.compactMap(string) } }
}

/// An element of DER with a length below 65 536.
private func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
    let count = content.count
    let length = count < 128 ? [UInt8(count)] : [0x82, UInt8(count >> 8), UInt8(count & 0xFF)]
    return [tag] + length + content
}

/// A certificate around a few parts, the rest blank.
private func certificate(
    serial: [UInt8] = [1], name: [UInt8] = [], from: [UInt8] = element(0x17, Array("260101000000Z".utf8)),
    key: [UInt8]? = nil
) -> [UInt8] {
    let algorithm = element(0x30, element(0x06, [0x2A, 0x03]))
    let owner = element(0x30, name)
    let until = element(0x18, Array("20491231235959Z".utf8))
    let signed =
        element(0x02, serial) + algorithm + owner + element(0x30, from + until) + owner
        + (key ?? element(0x30, algorithm + element(0x03, [0, 1])))
    return element(0x30, element(0x30, signed) + algorithm + element(0x03, [0, 0]))
}

private func attribute(_ identifier: [UInt8], _ tag: UInt8, _ value: [UInt8]) -> [UInt8] {
    element(0x31, element(0x30, element(0x06, identifier) + element(tag, value)))
}

private let commonName: [UInt8] = [0x55, 0x04, 0x03]

@Suite("X.509") struct X509Tests {
    @Test func `a certificate with an elliptic key is read as OpenSSL reads it`() throws {
        let found = try #require(read(elliptic))
        #expect(
            found.string(found.fingerprint) == "b13c5eaf861165d7c29ecf7fe7c79e12832f6a67882ca2b89b748b53404983c5")
        #expect(found.version == 3)
        #expect(found.string(found.serial) == "99FA8037")
        let name =
            ##"emailAddress=a@example.org,CN=www.example.org+L=x,OU=\#1 Gr\C3\B6\C3\9Fe,"##
            + ##"O=A\, B \+ \"C\" GmbH,C=DE"##
        #expect(found.string(found.subject) == name)
        #expect(found.string(found.issuer) == name)
        #expect(found.notBefore == Timestamp(seconds: 1_795_386_340))
        #expect(found.notAfter == Timestamp(seconds: 2_110_746_340))
        #expect(found.string(found.keyAlgorithm) == "id-ecPublicKey")
        #expect(found.string(found.signatureAlgorithm) == "ecdsa-with-SHA256")
        #expect(found.string(found.keyType) == "ecdsa")
        #expect(found.keyBits == 256)
        #expect(found.string(found.curve) == "prime256v1")
        #expect(found.string(found.exponent) == nil)
        #expect(found.strings(found.hostNames) == ["*.example.org", "example.net"])
        #expect(found.strings(found.uris) == ["https://example.org/"])
        #expect(found.strings(found.mailboxes) == ["a@example.org"])
        let six = Address(high: 0x2001_0DB8_0000_0000, low: 7)
        #expect(found.addresses == [Address(v4: 0xC000_0207), six])
        #expect(found.isAuthority == true)
        #expect(found.pathLength == 3)
    }

    @Test func `a certificate with an RSA key is read as OpenSSL reads it`() throws {
        let found = try #require(read(plain))
        #expect(found.string(found.serial) == "00")
        #expect(found.string(found.subject) == "CN=host.example.com")
        #expect(found.notAfter == Timestamp(seconds: 4_948_986_320))
        #expect(found.string(found.keyAlgorithm) == "rsaEncryption")
        #expect(found.string(found.signatureAlgorithm) == "sha256WithRSAEncryption")
        #expect(found.string(found.keyType) == "rsa")
        #expect(found.keyBits == 1024)
        #expect(found.string(found.exponent) == "65537")
        #expect(found.hostNames == nil)
        #expect(found.isAuthority == true)
        #expect(found.pathLength == nil)
    }

    @Test func `a name is covered by equality, and by a star in the first of three labels`() throws {
        let many = try #require(read(elliptic))
        for name in ["a.example.org", "www.example.org", ".example.org", "example.net"] {
            #expect(many.matches(Array(name.utf8)[...]), "\(name)")
        }
        for name in ["a.b.example.org", "example.org", "www.example.net", "A.EXAMPLE.ORG", ""] {
            #expect(!many.matches(Array(name.utf8)[...]), "\(name)")
        }
        let one = try #require(read(plain))
        #expect(one.matches(Array("host.example.com".utf8)[...]))
        #expect(!one.matches(Array("example.com".utf8)[...]))
        func covers(_ pattern: String, _ name: String) -> Bool {
            X509Certificate.pattern(Array(pattern.utf8)[...], covers: Array(name.utf8)[...])
        }
        #expect(covers("ab*.example.org", "abc.example.org"))
        #expect(!covers("ab*.example.org", "a.example.org"))
        #expect(!covers("*.org", "a.org"))
        #expect(!covers("a*b.example.org", "acb.example.org"))
    }

    @Test(arguments: [
        ([0x00, 0x99, 0xFA], "99FA"), ([0x00], "00"), ([0xFF], "-01"), ([0x0A], "0A"), ([0xFF, 0x00], "-0100"),
        ([0x80], "-80"), ([], "00"),
    ] as [([UInt8], String)])
    func `serial numbers are hexadecimal with their sign`(_ octets: [UInt8], _ text: String) throws {
        let found = try #require(read(certificate(serial: octets)))
        #expect(found.string(found.serial) == text)
    }

    @Test func `names show what cannot be printed`() throws {
        func name(_ tag: UInt8, _ value: [UInt8], of identifier: [UInt8] = commonName) throws -> String? {
            let found = try #require(read(certificate(name: attribute(identifier, tag, value))))
            return found.string(found.subject)
        }
        #expect(try name(0x0C, Array(" a ".utf8)) == #"CN=\ a\ "#)
        #expect(try name(0x0C, Array(" ".utf8)) == #"CN=\ "#)
        #expect(try name(0x0C, Array("a\r\n#".utf8)) == #"CN=a\0D\0A#"#)
        #expect(try name(0x1E, [0x20, 0xAC]) == #"CN=\E2\82\AC"#)
        #expect(try name(0x1C, [0, 1, 0xF6, 0x00]) == #"CN=\F0\9F\98\80"#)
        #expect(try name(0x14, [0xE9]) == #"CN=\C3\A9"#)
        #expect(try name(0x03, [0, 1]) == "CN=#03020001")
        #expect(try name(0x0C, [0x61], of: [0x2A, 0x03, 0x04]) == "1.2.3.4=#0C0161")
        let empty = try #require(read(certificate()))
        #expect(empty.string(empty.subject) == "")
        #expect(empty.commonName.isAbsent)
        let much = attribute(commonName, 0x0C, Array(repeating: 0x61, count: 5000))
        let long = try #require(read(certificate(name: much)))
        #expect(long.string(long.subject)?.count == X509Certificate.nameBytesMax)
    }

    @Test(arguments: [
        (0x17, "500101000000Z", -631_152_000), (0x17, "491231235959Z", 2_524_607_999), (0x17, "7001010000Z", 0),
        (0x17, "700101010000+0100", 0), (0x18, "20000229120000.5Z", 951_825_600), (0x18, "19691231235959Z", -1),
        (0x18, "20261399000000Z", 0), (0x17, "x", 0), (0x04, "700101000001Z", 0),
    ] as [(UInt8, String, Int64)])
    func `times are read in both forms`(_ tag: UInt8, _ text: String, _ seconds: Int64) throws {
        let found = try #require(read(certificate(from: element(tag, Array(text.utf8)))))
        #expect(found.notBefore == Timestamp(seconds: seconds))
    }

    @Test func `a time beyond nanoseconds is the last one there is`() throws {
        let found = try #require(read(certificate(from: element(0x18, Array("99991231235959Z".utf8)))))
        #expect(found.notBefore.nanoseconds == .max)
    }

    @Test func `a key that cannot be read leaves its columns unset`() throws {
        let rsa: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]
        let key = element(0x30, element(0x30, element(0x06, rsa)) + element(0x03, [0, 0x30, 0x05]))
        let found = try #require(read(certificate(key: key)))
        #expect(found.string(found.keyAlgorithm) == "rsaEncryption")
        #expect(found.keyType.isAbsent)
        #expect(found.keyBits == nil)
    }

    @Test func `every truncation is refused`() {
        for whole in [elliptic, plain] {
            for count in 0..<whole.count { #expect(read(Array(whole[..<count])) == nil, "\(count)") }
        }
    }

    @Test func `impossible lengths are refused`() {
        #expect(read([0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x00]) == nil)
        #expect(read([0x30, 0x80, 0x00, 0x00]) == nil)
        #expect(read([0x30, 0x88, 0, 0, 0, 0, 0, 0, 0, 1, 0]) == nil)
        #expect(read([0x3F, 0x01, 0x00]) == nil)
    }

    @Test func `another format is refused`() {
        #expect(read(Array("-----BEGIN CERTIFICATE-----\n".utf8)) == nil)
        #expect(read(Array("%PDF-1.7".utf8)) == nil)
    }

    @Test func `no octet can break the reader`() {
        var reads = 0
        for place in elliptic.indices {
            for value: UInt8 in [0x00, 0x7F, 0x80, 0x84, 0xFF] {
                var changed = elliptic
                changed[place] = value
                if read(changed) != nil { reads += 1 }
            }
        }
        #expect(reads > 0)
    }
}

@Suite("Digests") struct DigestTests {
    @Test func `digests are those of the standards`() {
        var text = TextBuffer()
        // RFC 1321 appendix A.5; FIPS 180-4's example.
        let md5 = Digests.md5(Array("abc".utf8), to: &text)
        #expect(String(decoding: text[md5], as: UTF8.self) == "900150983cd24fb0d6963f7d28e17f72")
        text.clear()
        Digests.sha256(Array("abc".utf8), digitCount: 12, to: &text)
        #expect(String(decoding: text.bytes, as: UTF8.self) == "ba7816bf8f01")
    }
}
