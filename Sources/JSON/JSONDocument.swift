// SPDX-License-Identifier: Apache-2.0
//
// A JSON text that has been read in place.
//
// Reads   one text out of an array of octets (RFC 8259).
// Writes  values that point into it.
// Leaves  the octets as they are: every value still gives its text, octet for octet.

/// A JSON text: the octets it came in, and where each of its values stands.
///
/// A document can be read again with another text; its memory is then used
/// again, and no value of the text before may be used any more.
package final class JSONDocument {
    package let limits: JSONLimits
    package private(set) var octets: [UInt8] = []
    private(set) var nodes: [JSONNode] = []

    /// A document without a text, to be filled by `read`.
    package init(limits: JSONLimits = JSONLimits()) {
        self.limits = limits
    }

    /// Reads a text that fills the octets, but for white space around it.
    package convenience init(_ octets: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        self.init(limits: limits)
        try read(octets)
    }

    package convenience init(_ text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        try self.init(Array(text.utf8), limits: limits)
    }

    /// Reads a text that fills `range`, but for white space around it. The
    /// octets are shared, not copied; offsets count from the array's start.
    /// After an error the document holds nothing.
    package func read(_ octets: [UInt8], _ range: Range<Int>? = nil) throws(JSONError) {
        let range = range ?? 0..<octets.count
        let end = try readPrefix(octets, range)
        for place in end..<range.upperBound where !JSONParser.isSpace(octets[place]) {
            clear()
            throw JSONError(.trailing, at: place)
        }
    }

    /// Reads the first value of `range` and returns where it ends, whatever stands behind it.
    package func readPrefix(_ octets: [UInt8], _ range: Range<Int>) throws(JSONError) -> Int {
        // The parser must be the only owner of the nodes' memory to use it again.
        var spare: [JSONNode] = []
        swap(&spare, &nodes)
        var parser = JSONParser(reusing: spare, limits)
        spare = []
        self.octets = []
        let end = try parser.parse(octets.span, range)
        nodes = parser.nodes
        self.octets = octets
        return end
    }

    /// Lets go of the octets, so that their owner changes them in place.
    package func clear() {
        octets = []
        nodes.removeAll(keepingCapacity: true)
    }

    /// The outermost value. A document must hold a text.
    package var root: JSONValue {
        precondition(!nodes.isEmpty, "a document without a text has no value")
        return JSONValue(document: self, index: 0)
    }

    /// Values and keys of the text.
    package var nodeCount: Int { nodes.count }
}
