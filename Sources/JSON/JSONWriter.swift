// SPDX-License-Identifier: Apache-2.0
//
// Writes JSON (RFC 8259) into octets.
//
// Reads   keys, strings, numbers, finished JSON.
// Writes  one line without white space; always valid UTF-8.
// Leaves  the order and the uniqueness of keys to the caller.

/// Appends JSON to octets, commas and escapes included.
///
///     var json = JSONWriter()
///     json.object {
///         $0.member("name", "weir")
///         $0.key("ports"); $0.array { $0.integer(53) }
///     }
///     json.octets
package struct JSONWriter {
    package private(set) var octets: [UInt8]
    /// Whether a comma must stand before the next value of the container.
    private var needsComma = false

    /// - Parameter octets: what to append to.
    package init(appendingTo octets: [UInt8] = []) {
        self.octets = octets
    }

    package var text: String { String(decoding: octets, as: UTF8.self) }

    // MARK: Containers

    package mutating func beginObject() { begin(0x7B) }
    package mutating func endObject() { end(0x7D) }
    package mutating func beginArray() { begin(0x5B) }
    package mutating func endArray() { end(0x5D) }

    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        beginObject()
        body(&self)
        endObject()
    }

    package mutating func array(_ body: (inout JSONWriter) -> Void) {
        beginArray()
        body(&self)
        endArray()
    }

    private mutating func begin(_ octet: UInt8) {
        separate()
        octets.append(octet)
        needsComma = false
    }

    private mutating func end(_ octet: UInt8) {
        octets.append(octet)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { octets.append(0x2C) }
        needsComma = true
    }

    // MARK: Keys and values

    /// A key; its value must follow.
    package mutating func key(_ key: String) {
        string(key)
        octets.append(0x3A)
        needsComma = false
    }

    package mutating func string(_ text: String) {
        separate()
        octets.append(0x22)
        JSONEscapes.appendEscaped(Array(text.utf8)[...], to: &octets)
        octets.append(0x22)
    }

    /// Octets as a string; what is no UTF-8 becomes U+FFFD.
    package mutating func string(_ text: ArraySlice<UInt8>) {
        separate()
        octets.append(0x22)
        JSONEscapes.appendEscaped(text, to: &octets)
        octets.append(0x22)
    }

    package mutating func integer(_ value: some BinaryInteger) { raw(Array(String(value).utf8)[...]) }

    /// A number; null where it is not finite, for which JSON has no form.
    package mutating func double(_ value: Double) {
        raw(Array((value.isFinite ? "\(value)" : "null").utf8)[...])
    }

    package mutating func bool(_ value: Bool) { raw(Array((value ? "true" : "false").utf8)[...]) }

    package mutating func null() { raw(Array("null".utf8)[...]) }

    /// A value that is JSON already, such as `JSONValue.raw`.
    package mutating func raw(_ json: ArraySlice<UInt8>) {
        separate()
        octets.append(contentsOf: json)
    }

    /// A line end between texts: JSON lines.
    package mutating func newLine() {
        octets.append(0x0A)
        needsComma = false
    }

    // MARK: Members

    package mutating func member(_ key: String, _ text: String) {
        self.key(key)
        string(text)
    }

    package mutating func member(_ key: String, _ value: some BinaryInteger) {
        self.key(key)
        integer(value)
    }

    package mutating func member(_ key: String, _ value: Bool) {
        self.key(key)
        bool(value)
    }

    package mutating func member(_ key: String, _ value: Double) {
        self.key(key)
        double(value)
    }

    package mutating func member(_ key: String, _ texts: [String]) {
        self.key(key)
        array { for text in texts { $0.string(text) } }
    }

    /// A member that is left out where there is no value.
    package mutating func memberIfAny(_ key: String, _ text: String?) {
        if let text { member(key, text) }
    }
}
