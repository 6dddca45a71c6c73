// One group of the outcome as radio buttons with their digits, in two dense columns.

export interface Option {
  code: string;
  text: string;
  digit: number | null;
  disabled: boolean;
}

interface OptionsProps {
  name: "contact" | "business";
  legend: string;
  /** Whether digits choose here now. */
  active: boolean;
  disabled: boolean;
  chosen: string;
  items: Option[];
  onChoose: (code: string) => void;
}

export function Options(props: OptionsProps) {
  const { name, chosen, disabled } = props;
  return (
    <fieldset className={`options ${props.active ? "active" : ""}`} disabled={disabled}>
      <legend>{props.legend}</legend>
      {props.items.map((item) => {
        const on = item.code === chosen;
        const off = item.disabled || disabled;
        return (
          <label
            key={item.code}
            className={`${on ? "on" : ""} ${off ? "off" : ""}`}
            title={`${item.code} ${item.text}`}
          >
            <input
              type="radio"
              name={name}
              data-testid={`${name}-${item.code}`}
              checked={on}
              disabled={off}
              onChange={() => props.onChoose(item.code)}
            />
            <span className="key">{item.digit !== null && <kbd>{item.digit}</kbd>}</span>
            <span className="clip">{item.text}</span>
          </label>
        );
      })}
    </fieldset>
  );
}
