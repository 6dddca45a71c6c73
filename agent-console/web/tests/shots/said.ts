/** What the server says, as it sends it; its sentence in English stands in no picture. */
export const said = (code: string, values: object = {}) => ({ code, values, text: code });
