/** The keys and the foreign origin that the tests' deployments are set up with. */
export const testSecret = 'a secret that only the tests know, long enough'
export const testOrigin = 'https://friend.example'
