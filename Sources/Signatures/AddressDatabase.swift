// SPDX-License-Identifier: Apache-2.0
//
// What is known of addresses, by an MMDB file (maxmind.github.io/MaxMind-DB): countries, autonomous systems.
//
// Reads   GeoLite2-Country, GeoLite2-City, GeoLite2-ASN and files of their form, mapped by the library.
// Writes  texts and numbers of an address's entry.
// Leaves  what they are for (`geoip` here, networks in module Hunts).

import CMaxMind
import Glibc
package import Records

/// An open file. Nothing in it changes after it was opened, so that threads share it.
// Safe: the library only reads an open database; `deinit` runs when nobody holds it.
@safe package final class AddressDatabase: @unchecked Sendable {
    private let database: UnsafeMutablePointer<MMDB_s>
    private var isOpen = false

    /// Nil where the path is no such file, or cannot be read.
    package init?(path: String) {
        // Safe: made here, opened by the library, closed and freed in `deinit`.
        unsafe database = .allocate(capacity: 1)
        unsafe database.initialize(to: MMDB_s())
        // Safe: the path lives as long as the call.
        let status = unsafe MMDB_open(path, UInt32(MMDB_MODE_MMAP), database)
        isOpen = status == MMDB_SUCCESS
        guard isOpen else { return nil }
    }

    deinit {
        // Safe: opened in `init`, used by nobody else.
        if isOpen { unsafe MMDB_close(database) }
        unsafe database.deallocate()
    }

    /// The two capital letters of an address's country, the first in the higher octet; nil where the file has none.
    package func country(of address: Address) -> UInt16? {
        // Safe: the entry belongs to the open file; of a text two octets are read where there are two.
        guard var entry = unsafe entry(of: address) else { return nil }
        let data = unsafe value(&entry, "country", "iso_code")
        guard let data = unsafe data, unsafe Int32(data.type) == MMDB_DATA_TYPE_UTF8_STRING, unsafe data.data_size == 2,
            let start = unsafe data.utf8_string
        else { return nil }
        return unsafe UInt16(UInt8(bitPattern: start[0])) << 8 | UInt16(UInt8(bitPattern: start[1]))
    }

    /// The autonomous system of an address; nil where the file has none.
    package func network(of address: Address) -> (number: Int64, organisation: String)? {
        // Safe: the entry belongs to the open file, and of the union the member that `type` names is read.
        guard var entry = unsafe entry(of: address),
            let found = unsafe value(&entry, "autonomous_system_number")
        else { return nil }
        let number: Int64
        switch unsafe Int32(found.type) {
        case MMDB_DATA_TYPE_UINT16: number = unsafe Int64(found.uint16)
        case MMDB_DATA_TYPE_UINT32: number = unsafe Int64(found.uint32)
        default: return nil
        }
        let name = unsafe value(&entry, "autonomous_system_organization")
        guard let name = unsafe name, unsafe Int32(name.type) == MMDB_DATA_TYPE_UTF8_STRING,
            let start = unsafe name.utf8_string
        else { return (number, "AS\(number)") }
        // Safe: `data_size` octets of the mapped file, copied here.
        let octets = unsafe UnsafeRawBufferPointer(start: start, count: Int(name.data_size))
        return unsafe (number, String(decoding: octets, as: UTF8.self))
    }

    private func entry(of address: Address) -> MMDB_entry_s? {
        var status: Int32 = 0
        var found: MMDB_lookup_result_s
        if address.isV4 {
            var place = sockaddr_in()
            place.sin_family = sa_family_t(AF_INET)
            place.sin_addr.s_addr = address.v4.bigEndian
            // Safe: the address is a local variable that lives as long as the call.
            unsafe found = withUnsafePointer(to: &place) { place in
                unsafe place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe MMDB_lookup_sockaddr(database, $0, &status)
                }
            }
        } else {
            var place = sockaddr_in6()
            place.sin6_family = sa_family_t(AF_INET6)
            // Safe: 16 octets are written into a field of 16 octets.
            unsafe withUnsafeMutableBytes(of: &place.sin6_addr) { octets in
                unsafe octets.storeBytes(of: address.high.bigEndian, as: UInt64.self)
                unsafe octets.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            // Safe: the address is a local variable that lives as long as the call.
            unsafe found = withUnsafePointer(to: &place) { place in
                unsafe place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe MMDB_lookup_sockaddr(database, $0, &status)
                }
            }
        }
        // Safe: plain fields of what the library gave.
        guard status == MMDB_SUCCESS, unsafe found.found_entry else { return nil }
        return unsafe found.entry
    }

    /// The value below one key or two of an entry.
    private func value(_ entry: inout MMDB_entry_s, _ key: String, _ inner: String? = nil) -> MMDB_entry_data_s? {
        // Safe: a plain struct, all of it zero until the library fills it; the path is ended by nil, and its texts
        // live as long as the call.
        var data = unsafe MMDB_entry_data_s()
        let status = unsafe key.withCString { key in
            unsafe (inner ?? "").withCString { name in
                var path: [UnsafePointer<CChar>?] = unsafe inner == nil ? [key, nil] : [key, name, nil]
                return unsafe MMDB_aget_value(&entry, &data, &path)
            }
        }
        guard status == MMDB_SUCCESS, unsafe data.has_data else { return nil }
        return unsafe data
    }
}
