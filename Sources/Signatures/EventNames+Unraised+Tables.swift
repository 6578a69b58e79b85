// SPDX-License-Identifier: Apache-2.0
//
// Events of applications that no analyzer raises: rules that name them load, are counted, and never fire. A test holds
// this table against the analyzers' sources.

extension EventNames {
    static let unraised: [String: Set<String>] = [
        "dnp3": [
            "flooded", "too_long_reassembly", "too_many_objects", "too_many_points",
        ],
        "ftp": [
            "too_many_transactions",
        ],
        "http": [
            "compression_bomb", "compression_bomb_double_lzma", "compression_bomb_limit_reached",
            "connection_already_open", "content_length_extra_data_end", "content_length_extra_data_start",
            "deformed_eol", "double_encoded_uri", "failed_protocol_change", "file_name_too_long",
            "host_header_ambiguous", "invalid_authority_port", "invalid_content_encoding",
            "invalid_request_field_folding", "invalid_response_field_folding", "invalid_server_port_in_request",
            "invalid_transfer_encoding_value_in_response", "lzma_decompression_disabled", "lzma_memlimit_reached",
            "method_delim_non_compliant", "missing_inbound_transaction_data", "missing_outbound_transaction_data",
            "multipart_generic_error", "multipart_invalid_header", "multipart_no_filedata", "parser_state_error",
            "protocol_contains_extra_data", "range_invalid", "request_auth_unrecognized",
            "request_body_data_callback_error", "request_body_unexpected", "request_header_host_invalid",
            "request_header_invalid", "request_line_incomplete", "request_server_port_tcp_port_mismatch",
            "request_too_many_lzma_layers", "request_uri_host_invalid", "response_body_internal_error",
            "response_header_invalid", "response_header_name_not_token", "response_invalid_protocol",
            "response_invalid_status", "response_multipart_byteranges", "response_too_many_lzma_layers",
            "switching_proto_with_content_length", "too_many_warnings", "unknown_error", "uri_delim_non_compliant",
            "zero_length_data_chunks",
        ],
        "http2": [
            "authority_host_mismatch", "dns_request_too_long", "dns_response_too_long", "extra_header_data",
            "header_integer_overflow", "invalid_client_magic", "invalid_frame_header", "invalid_frame_length",
            "invalid_http1_settings", "invalid_range", "stream_id_reuse", "too_many_frames", "too_many_streams",
            "userinfo_in_uri",
        ],
        "ike": [
            "invalid_proposal",
        ],
        "mqtt": [
            "malformed_traffic", "missing_msg_id", "too_many_messages", "too_many_transactions",
        ],
        "nfs": [
            "empty_message", "malformed_data", "non_existing_version", "too_many_transactions", "unsupported_version",
        ],
        "ntp": [
            "unsolicited_response",
        ],
        "quic": [
            "crypto_frag_too_long", "error_on_header",
        ],
        "rfb": [
            "confused_state",
        ],
        "sip": [
            "invalid_data",
        ],
        "smb": [
            "duplicate_negotiate", "internal_error", "invalid_swf_length", "invalid_swf_version",
            "lzma_decoder_error", "lzma_header_too_short_error", "lzma_io_error", "lzma_memlimit_error",
            "lzma_unknown_error", "lzma_xz_error", "malformed_data", "malformed_ntlmssp_request",
            "malformed_ntlmssp_response", "negotiate_malformed_dialects", "negotiate_max_read_size_too_large",
            "negotiate_max_write_size_too_large", "no_memory", "post_match_queue_failed", "read_queue_cnt_exceeded",
            "read_queue_size_exceeded", "read_request_too_large", "read_response_too_large", "record_overflow",
            "request_to_client", "response_to_server", "too_many_buffers", "too_many_transactions",
            "unusual_ntlmssp_order", "write_queue_cnt_exceeded", "write_queue_size_exceeded",
            "write_request_too_large", "z_buf_error", "z_data_error", "z_stream_error", "z_unknown_error",
        ],
        "smtp": [
            "bdat_chunk_len_exceeded", "failed_protocol_change", "invalid_pipelined_sequence",
            "max_command_line_len_exceeded", "max_reply_line_len_exceeded", "mime_invalid_base64", "mime_invalid_qp",
            "mime_long_boundary", "mime_long_enc_line", "mime_long_header_name", "mime_long_header_value",
            "mime_long_line", "mime_parse_failed", "truncated_line", "unparsable_content",
        ],
        "ssh": [
            "invalid_record", "long_kex_record",
        ],
        "tls": [
            "certificate_invalid_algorithmidentifier", "certificate_invalid_date", "certificate_invalid_der",
            "certificate_invalid_extensions", "certificate_invalid_issuer", "certificate_invalid_length",
            "certificate_invalid_serial", "certificate_invalid_subject", "certificate_invalid_validity",
            "certificate_invalid_version", "certificate_invalid_x509name", "dataleak_heartbeat_mismatch",
            "error_message_encountered", "invalid_ssl_record", "invalid_tls_header", "too_many_records_in_packet",
        ],
        "websocket": [
            "reassembly_limit_reached", "skip_end_of_payload",
        ],
    ]
}
