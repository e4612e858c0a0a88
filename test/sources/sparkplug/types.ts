// Every type that pysparkplug has, at its ends.

/** Milliseconds. */
export const T = 1_790_000_000_000

/** What is sent, and what a batch has of it: a bool as 0 or 1, bytes in hex. */
export const TYPES: readonly (readonly [type: string, value: unknown, kind: string, expected: unknown])[] = [
  ['INT8', -128, 'long', -128n],
  ['INT16', -32_768, 'long', -32_768n],
  ['INT32', -2_147_483_648, 'long', -2_147_483_648n],
  ['INT64', '-9223372036854775808', 'long', -9_223_372_036_854_775_808n],
  ['UINT8', 255, 'long', 255n],
  ['UINT16', 65_535, 'long', 65_535n],
  ['UINT32', 4_294_967_295, 'long', 4_294_967_295n],
  ['UINT64', '9007199254740993', 'long', 9_007_199_254_740_993n],
  ['UINT64', '18446744073709551615', 'string', '18446744073709551615'],
  ['FLOAT', 0.5, 'double', 0.5],
  ['DOUBLE', 5e-324, 'double', 5e-324],
  ['BOOLEAN', true, 'bool', 1],
  ['STRING', 'ü€😀', 'string', 'ü€😀'],
  ['TEXT', 'long\ntext', 'string', 'long\ntext'],
  ['UUID', '6fa459ea-ee8a-3ca4-894e-db77e160355e', 'string', '6fa459ea-ee8a-3ca4-894e-db77e160355e'],
  ['DATETIME', T + 7, 'long', BigInt(T + 7) * 1000n],
  ['BYTES', 'AP+A', 'bytes', '00ff80'],
  ['FILE', 'AQID', 'bytes', '010203'],
  ['INT8_ARRAY', [-1, 2], 'string', '[-1,2]'],
  ['INT16_ARRAY', [-300, 2], 'string', '[-300,2]'],
  ['INT32_ARRAY', [-70_000, 2], 'string', '[-70000,2]'],
  ['INT64_ARRAY', ['-9223372036854775808'], 'string', '["-9223372036854775808"]'],
  ['UINT8_ARRAY', [255], 'string', '[255]'],
  ['UINT16_ARRAY', [65_535], 'string', '[65535]'],
  ['UINT32_ARRAY', [4_294_967_295], 'string', '[4294967295]'],
  ['UINT64_ARRAY', ['18446744073709551615'], 'string', '["18446744073709551615"]'],
  ['FLOAT_ARRAY', [0.5, -2], 'string', '[0.5,-2]'],
  ['DOUBLE_ARRAY', [1e300, 0.1], 'string', '[1e+300,0.1]'],
  [
    'BOOLEAN_ARRAY',
    [true, false, false, true, true, true, true, false, true],
    'string',
    '[true,false,false,true,true,true,true,false,true]',
  ],
  ['STRING_ARRAY', ['a', '', 'ü'], 'string', '["a","","ü"]'],
  ['DATETIME_ARRAY', [T], 'string', JSON.stringify([new Date(T).toISOString()])],
]
