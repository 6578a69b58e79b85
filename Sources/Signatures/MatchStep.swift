// SPDX-License-Identifier: Apache-2.0
//
// What is looked for in one buffer, step by step, in the order written.
//
// Reads   nothing.
// Writes  nothing.
// Leaves  the walk (Walker.swift).

package import Records

/// One buffer of a rule and the list of steps that walk over it. Relative steps
/// count from the cursor of their own list; each list begins at 0.
package struct BufferTest: Sendable, BitwiseCopyable {
    package var buffer = SignatureBuffer.payload
    /// Into `transforms`; 0 is none.
    package var transforms: UInt16 = 0
    /// Which direction's exposure it looks at.
    package var side = FlowTest.Side.either
    /// 0 for the first list of the buffer, 1 for the second instance that must match, and so on.
    package var instance: UInt8 = 0
    /// Into `steps`.
    package var steps = PoolRange()
    /// Every content is negated: the rule has no pattern here that must be found.
    package var isOnlyNegated = false
    /// Holds when the buffer does not come at all (`absent`), or also then (`absent:or_else`).
    package var absence = Absence.needed

    package enum Absence: UInt8, Sendable, BitwiseCopyable { case needed, mustBeAbsent, mayBeAbsent }
}

/// How a step's number is written: as it is, or by a variable of the same list.
package struct StepFlags: OptionSet, Sendable, BitwiseCopyable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let isNegated = StepFlags(rawValue: 1 << 0)
    package static let isCaseless = StepFlags(rawValue: 1 << 1)
    package static let hasOffset = StepFlags(rawValue: 1 << 2)
    package static let hasDepth = StepFlags(rawValue: 1 << 3)
    package static let hasDistance = StepFlags(rawValue: 1 << 4)
    package static let hasWithin = StepFlags(rawValue: 1 << 5)
    package static let endsWith = StepFlags(rawValue: 1 << 6)
    /// The next step counts from this one's end so that another hit may serve it: other hits are tried.
    package static let leadsOn = StepFlags(rawValue: 1 << 7)
    package static let offsetIsVariable = StepFlags(rawValue: 1 << 8)
    package static let depthIsVariable = StepFlags(rawValue: 1 << 9)
    package static let distanceIsVariable = StepFlags(rawValue: 1 << 10)
    package static let withinIsVariable = StepFlags(rawValue: 1 << 11)
    package static let isRelative = StepFlags(rawValue: 1 << 12)
    package static let isLittle = StepFlags(rawValue: 1 << 13)
    /// Digits, in `base`.
    package static let isText = StepFlags(rawValue: 1 << 14)
    package static let countIsVariable = StepFlags(rawValue: 1 << 15)
    package static let valueIsVariable = StepFlags(rawValue: 1 << 16)
    package static let hasMask = StepFlags(rawValue: 1 << 17)
    /// Byte order as the DCE/RPC header says.
    package static let isDCE = StepFlags(rawValue: 1 << 18)
    package static let fromBeginning = StepFlags(rawValue: 1 << 19)
    package static let fromEnd = StepFlags(rawValue: 1 << 20)
    /// Rounds a jump, or an extracted value, up to 4.
    package static let aligns = StepFlags(rawValue: 1 << 21)
    /// The next step counts from this one's end in some way.
    package static let hasFollower = StepFlags(rawValue: 1 << 22)
    package static let startsWith = StepFlags(rawValue: 1 << 23)
}

/// `content`: octets of `RuleSet.patterns`, lower-cased where caseless.
package struct ContentStep: Sendable, BitwiseCopyable {
    package var pattern = TextRange()
    package var flags: StepFlags = []
    package var offset: Int32 = 0
    package var depth: Int32 = 0
    package var distance: Int32 = 0
    package var within: Int32 = 0
}

/// `pcre`: an index into `RuleSet.regexes`, and where the captures go.
package struct RegexStep: Sendable, BitwiseCopyable {
    package var regex: UInt32 = 0
    package var flags: StepFlags = []
    /// Into `captures`.
    package var captures = PoolRange()
}

/// `byte_test`, `byte_jump`, `byte_extract`, `byte_math`: what is common to them.
package struct ByteRead: Sendable, BitwiseCopyable {
    package var flags: StepFlags = []
    /// Octets, or the variable that says how many.
    package var count: UInt8 = 0
    /// 8, 10, 16, or 0 where the text says (`0x`, a leading 0).
    package var base: UInt8 = 0
    /// From the cursor where relative, or the variable that says so.
    package var offset: Int32 = 0
    package var mask: UInt32 = 0
}

package enum ByteOperator: UInt8, Sendable, BitwiseCopyable {
    case less, greater, equal, lessOrEqual, greaterOrEqual, and, xor
    case add, subtract, multiply, divide, shiftLeft, shiftRight
}

package struct ByteTestStep: Sendable, BitwiseCopyable {
    package var read = ByteRead()
    package var operation = ByteOperator.equal
    package var value: UInt64 = 0
}

package struct ByteJumpStep: Sendable, BitwiseCopyable {
    package var read = ByteRead()
    package var multiplier: UInt16 = 1
    package var postOffset: Int32 = 0
}

package struct ByteExtractStep: Sendable, BitwiseCopyable {
    package var read = ByteRead()
    package var multiplier: UInt16 = 1
    /// 0, 2 or 4.
    package var align: UInt8 = 0
    package var variable: UInt8 = 0
}

package struct ByteMathStep: Sendable, BitwiseCopyable {
    package var read = ByteRead()
    package var operation = ByteOperator.add
    package var variable: UInt8 = 0
    package var value: UInt32 = 0
}

/// `isdataat`.
package struct DataAtStep: Sendable, BitwiseCopyable {
    package var flags: StepFlags = []
    package var count: Int32 = 0
}

/// `base64_decode`, with the steps that walk over what it decodes.
package struct Base64Step: Sendable, BitwiseCopyable {
    package var bytes: UInt32 = 0
    package var offset: UInt32 = 0
    package var isRelative = false
    /// Into `steps`; empty where no `base64_data` follows.
    package var steps = PoolRange()
}

/// `entropy`: Shannon's, of `bytes` octets (0: all) from `offset` on.
package struct EntropyStep: Sendable, BitwiseCopyable {
    package enum Comparison: UInt8, Sendable, BitwiseCopyable {
        case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, inRange, outOfRange
    }
    package var bytes: UInt32 = 0
    package var offset: UInt32 = 0
    package var comparison = Comparison.equal
    package var first: Float = 0
    package var second: Float = 0
}

/// `dataset` and `datarep`: an index into `RuleSet.datasets`.
package struct DatasetStep: Sendable, BitwiseCopyable {
    package enum Command: UInt8, Sendable, BitwiseCopyable {
        case isSet, isNotSet, set, unset
        /// `datarep`: the reputation is compared.
        case reputation
    }
    package var dataset: UInt16 = 0
    package var command = Command.isSet
    package var test = NumberTest()
}

/// One step of a list.
package enum MatchStep: Sendable, BitwiseCopyable {
    case content(ContentStep)
    case regex(RegexStep)
    case isDataAt(DataAtStep)
    case byteTest(ByteTestStep)
    case byteJump(ByteJumpStep)
    case byteExtract(ByteExtractStep)
    case byteMath(ByteMathStep)
    /// `bsize`, `urilen`: of the whole buffer.
    case size(NumberTest)
    case base64(Base64Step)
    case entropy(EntropyStep)
    case dataset(DatasetStep)
}

/// A change to a buffer before it is matched (specification section 3).
package enum Transform: Hashable, Sendable {
    case dotPrefix, stripWhitespace, compressWhitespace, toLowercase, toUppercase, headerLowercase
    case stripPseudoHeaders, urlDecode, md5, sha1, sha256, domain, tld
    /// The first capture, or the whole match of an index of `regexes`.
    case regex(UInt32)
    case xor([UInt8])
    case fromBase64(bytes: UInt32, offset: UInt32, mode: Base64Mode)
    /// At most so many octets come out.
    case gunzip(maximum: UInt32)
    case inflate(maximum: UInt32)
}

/// Which characters base64 may hold: RFC 2045 skips what is none, RFC 4648 ends
/// there, strict refuses.
package enum Base64Mode: UInt8, Sendable, BitwiseCopyable {
    case rfc2045, rfc4648, strict
}

/// Where a capture group of a `pcre` goes (`/flow:name,pkt:name,alert:name`).
package struct Capture: Sendable, BitwiseCopyable {
    package enum Kind: UInt8, Sendable, BitwiseCopyable { case flow, packet, alert }
    package var kind = Kind.flow
    /// Into `variableNames`.
    package var name: UInt16 = 0
}
