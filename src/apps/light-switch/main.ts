/** The light switch page: one button, the lamp. */
import { elementOf, openDemoPage } from '../shell/demo-page.ts'
import { lightSwitch } from './light-switch.ts'

const button = elementOf('lamp')
const caption = elementOf('lamp-caption')

lightSwitch.subscribe(() => {
  const { value: isOn, isPending } = lightSwitch
  button.setAttribute('aria-checked', String(isOn))
  caption.textContent = `The lamp is ${isOn ? 'on' : 'off'}${isPending ? ' here, and waits to be so everywhere' : ''}.`
})
button.addEventListener('click', () => {
  // Without a stream, when its name is not allowed, nothing is there to flip.
  if (lightSwitch.receiver !== undefined) lightSwitch.set(!lightSwitch.value)
})

openDemoPage(lightSwitch, 'demo.light')
